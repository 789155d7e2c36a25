import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  assertRefused,
  assertWon,
  LockProcess,
} from "../fixtures/lock_processes.ts";
import { missing, needs, notRoot } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();

/** Every spelling is the one lock of `path`, which `other` asks for. */
async function assertSameLock(
  spellings: string[],
  path: string,
  { child, other }: { child: LockProcess; other: LockProcess },
): Promise<void> {
  for (const spelling of spellings) {
    const url = spelling.startsWith("file:");
    const answer = await child.ask({ do: "acquire", path: spelling, url });
    assertWon(answer);
    assert.equal(answer.path, path);
    assertRefused(await other.acquire(path), [child.pid]);
    await child.ask({ do: "release" });
  }
}

test(
  "what .. leads to behind a link is left to the kernel",
  { skip: needs("names") },
  async () => {
    for (const pair of company.pairs()) {
      const path = company.newPath();
      mkdirSync(`${path}-real/sub`, { recursive: true });
      symlinkSync(`${path}-real/sub`, `${path}-link`);
      const place = `${path}-real/app.db`;
      await assertSameLock([`${path}-link/../app.db`], place, pair);
    }
  },
);

test(
  "a path through links is the same lock",
  { skip: needs("names") },
  async () => {
    for (const pair of company.pairs()) {
      const folder = company.newPath();
      mkdirSync(`${folder}/real`, { recursive: true });
      const path = `${folder}/real/app.db`;
      writeFileSync(path, "");
      symlinkSync("real", `${folder}/folder-link`);
      symlinkSync("folder-link/app.db", `${folder}/file-link`);
      symlinkSync("file-link", `${folder}/link-link`);
      await assertSameLock(
        [
          `${folder}/folder-link/app.db`,
          `${folder}/file-link`,
          `${folder}/link-link`,
          `${folder}/real/../real/./app.db`,
          pathToFileURL(`${folder}/file-link`).href,
        ],
        path,
        pair,
      );
      assert.deepEqual(
        readdirSync(`${folder}/real`).sort(),
        ["app.db", "app.db.lock"],
      );
    }
  },
);

test("a link to a file that is yet to come is the lock of that file", {
  skip: needs("names"),
}, async () => {
  for (const pair of company.pairs()) {
    const folder = company.newPath();
    mkdirSync(folder);
    symlinkSync("to-come", `${folder}/link`);
    await assertSameLock([`${folder}/link`], `${folder}/to-come`, pair);
    symlinkSync("circle", `${folder}/circle`);
    const answer = await pair.child.acquire(`${folder}/circle`);
    assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
  }
});

test("a folder is locked beside it, with or without a slash, by path or URL", {
  skip: needs("names"),
}, async () => {
  for (const pair of company.pairs()) {
    const folder = company.newPath();
    mkdirSync(folder);
    const url = pathToFileURL(folder).href;
    const spellings = [folder, `${folder}/`, url, `${url}/`];
    await assertSameLock(spellings, folder, pair);
    assert.deepEqual(readdirSync(folder), []);
    assertWon(await pair.child.acquire(folder));
    const answer = await pair.other.acquire(folder);
    assert.match(answer.message!, /^Folder "/);
    await pair.child.ask({ do: "release" });
  }
});

// One of them may have been locked exclusively before the other was made.
test("a file with several names is locked in no mode", async () => {
  for (const { child } of company.pairs()) {
    const path = company.newPath();
    writeFileSync(path, "");
    linkSync(path, `${path}-too`);
    for (const name of [path, `${path}-too`]) {
      for (const mode of ["exclusive", "shared"]) {
        const answer = await child.acquire(name, { mode });
        assert.equal(answer.code, "LITELATCH_UNSUPPORTED", answer.message);
        assert.match(
          answer.message!,
          /cannot be locked: it must have one name.* 2 hard/,
        );
      }
    }
  }
});

// Its lock file lies beside it, in another folder for each place that mounts it.
test(
  "a folder that is a mount of its own is locked in no mode, a file in it is",
  {
    skip: notRoot() ||
      missing(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]),
  },
  async () => {
    const folder = company.newPath();
    mkdirSync(folder);
    const script = 'mount --bind "$0" "$0" && exec "$@"';
    const prefix = ["unshare", "-m", "sh", "-c", script, folder];
    const child = await LockProcess.start(thisRuntime(), { prefix });
    for (const mode of ["exclusive", "shared"]) {
      const answer = await child.acquire(folder, { mode });
      assert.equal(answer.code, "LITELATCH_UNSUPPORTED", answer.message);
      assert.match(answer.message!, /or lock a file in it/);
    }
    assertWon(await child.acquire(`${folder}/file`));
    await child.kill();
  },
);

test("a missing folder, an empty path and another protocol are refused", async () => {
  for (const { child } of company.pairs()) {
    const path = `${company.newPath()}/app`;
    const answer = await child.acquire(path);
    assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
    assert.match(answer.message!, /^Cannot use ".*its folder must exist/);
    for (const wrong of ["", "a\0b"]) {
      assert.equal((await child.acquire(wrong)).name, "TypeError");
    }
    const isUrl = /must be a file: URL without a query/;
    for (const wrong of ["https://example.org/a", "file:///tmp/a?mode=ro"]) {
      const answer = await child.ask({ do: "acquire", path: wrong, url: true });
      assert.equal(answer.name, "TypeError");
      assert.match(answer.message!, isUrl);
    }
    // What stands for no character, or for none that a path may have.
    for (const wrong of ["file:a%zz", "file:a%", "file:a%00b"]) {
      const answer = await child.acquire(wrong);
      assert.equal(answer.name, "TypeError");
      assert.match(answer.message!, isUrl);
    }
  }
});

test("a lock file of something else is refused, and kept", async () => {
  for (const { child } of company.pairs()) {
    const path = company.newPath();
    writeFileSync(`${path}.lock`, "somebody's own notes\n".repeat(100));
    const answer = await child.acquire(path);
    assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
    assert.match(
      answer.message!,
      /\.lock" must be an empty file .*, but it is a file of/,
    );
    mkdirSync(`${path}-2.lock`);
    const folder = await child.acquire(`${path}-2`);
    assert.equal(folder.code, "LITELATCH_OPEN", folder.message);
  }
});

test("a lock file that still has its draft's name is taken, another link is not", async () => {
  for (const { child } of company.pairs()) {
    const path = company.newPath();
    writeFileSync(`${path}.lock`, "");
    // What a maker leaves that is killed between link(2) and unlink(2).
    linkSync(`${path}.lock`, `${path}.pid-0123456789abcdef.tmp`);
    for (const mode of ["shared", "exclusive"]) {
      assertWon(await child.acquire(path, { mode }));
      await child.ask({ do: "release" });
    }
    linkSync(`${path}.lock`, `${path}.kept`);
    const answer = await child.acquire(path);
    assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
    assert.match(
      answer.message!,
      /with one name, but it is a file of 0 bytes with 2 names/,
    );
    assert.equal(existsSync(`${path}.kept`), true);
  }
});
