import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, acquireLockAsync, open } from "../../mod.ts";
import { locksOn, processStat } from "../../src/os/procfs.ts";
import { stat } from "../../src/os/stat.ts";
import {
  assertRefused,
  assertWon,
  type LockProcess,
} from "../fixtures/lock_processes.ts";
import { inContainer, missing, needs } from "../fixtures/machine.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();

/** A thread of this process that is not its main thread, if there is one. */
function threadId(): number {
  const all = readdirSync("/proc/self/task").map(Number);
  return all.find((id) => id !== process.pid) ?? process.pid;
}

/** What may lie where a pidfile belongs. */
const LEFTOVERS: Record<string, (path: string, child: LockProcess) => void> = {
  "a living process": (path) => writeFileSync(path, `${process.ppid}\n`),
  "the asking process": (path, child) => writeFileSync(path, `${child.pid}\n`),
  "PID 0": (path) => writeFileSync(path, "0\n"),
  "PID -1": (path) => writeFileSync(path, "-1\n"),
  "PID 2^31": (path) => writeFileSync(path, "2147483648\n"),
  "a thread": (path) => writeFileSync(path, `${threadId()}\n`),
  "nothing": (path) => writeFileSync(path, ""),
  "half a record": (path) => writeFileSync(path, '1\n{"v":1,"pid":1,"mo'),
  "a record of other types": (path) =>
    writeFileSync(path, '1\n{"pid":{},"mode":7,"app":[],"id":false}\n'),
  "not an object": (path) => writeFileSync(path, "1\nnull\n"),
  "bytes": (path) => writeFileSync(path, new Uint8Array(512).fill(0xfe)),
  "a megabyte": (path) => writeFileSync(path, "7".repeat(1 << 20)),
  "a FIFO": (path) => {
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
  },
  "an empty folder": (path) => mkdirSync(path),
  "a full folder": (path) => {
    mkdirSync(path);
    writeFileSync(`${path}/kept`, "kept");
  },
  "a link": (path) => {
    writeFileSync(`${path}-outside`.replace(".pid", ".kept"), "outside");
    symlinkSync(`${path}-outside`.replace(".pid", ".kept"), path);
  },
  "a dangling link": (path) => symlinkSync(`${path}.nowhere`, path),
};

const OURS = ["nothing", "half a record"];

const PLACES = { exclusive: ".pid", shared: ".pid-0123456789abcdef" };

/** What was put there and is none of ours must be as it was. */
function assertUntouched(what: string, leftover: string): void {
  if (what === "a full folder") {
    assert.equal(readFileSync(`${leftover}/kept`, "utf8"), "kept");
  }
  if (what === "a link") {
    const outside = `${leftover}-outside`.replace(".pid", ".kept");
    assert.equal(readFileSync(outside, "utf8"), "outside");
  }
  assert.equal(existsSync(`${leftover}.nowhere`), false);
}

for (const place of ["exclusive", "shared"] as const) {
  test(
    `a left-over record blocks nobody (${place})`,
    { skip: needs("/proc") },
    async () => {
      await Promise.all(
        company.pairs().map(async ({ child, other }) => {
          for (const [what, leave] of Object.entries(LEFTOVERS)) {
            for (const mode of ["exclusive", "shared"]) {
              const path = company.newPath();
              const leftover = path + PLACES[place];
              leave(leftover, child);
              assertWon(
                await child.ask({
                  do: "acquire",
                  as: path,
                  path,
                  options: { mode },
                }),
              );
              const refused = await other.ask({
                do: "acquire",
                as: path,
                path,
              });
              assert.equal(refused.ok, false, what);
              assert.equal(refused.code, "LITELATCH_LOCKED", refused.message);
              // In the place of what is not ours the record has another name.
              const pids = refused.holders?.map((holder) => holder.pid) ?? [];
              assert.ok(
                pids.includes(child.pid),
                `${what}: ${refused.message}`,
              );
              assertUntouched(what, leftover);
              await child.ask({ do: "release", as: path });
              assertWon(await other.ask({ do: "acquire", as: path, path }));
              await other.ask({ do: "release", as: path });
              assertUntouched(what, leftover);
              const gone = lstatSync(leftover, { throwIfNoEntry: false });
              // Only what is ours by its form is ever removed.
              assert.equal(gone === undefined, OURS.includes(what), what);
            }
          }
        }),
      );
    },
  );
}

test("a record of a living process under another start time is stale", async () => {
  for (const { child, other } of company.pairs()) {
    const path = company.newPath();
    assertWon(await child.acquire(path));
    const text = readFileSync(`${path}.pid`, "utf8");
    await child.ask({ do: "release" });
    // What is left when its PID was given to another process.
    writeFileSync(
      `${path}.pid`,
      text.replace(/"startToken":"\d+"/, '"startToken":"1"'),
    );
    assertWon(await other.acquire(path));
    assertRefused(await child.acquire(path), [other.pid]);
    await other.ask({ do: "release" });
  }
});

test("a record that was copied with its folder keeps nobody out", async () => {
  for (const { child, other } of company.pairs()) {
    for (const mode of ["exclusive", "shared"]) {
      const [path, copy] = [company.newPath(), company.newPath()];
      assertWon(await child.acquire(path, { mode }));
      writeFileSync(`${copy}.lock`, "");
      for (const name of pidfiles(path)) {
        copyFileSync(name, copy + name.slice(path.length));
      }
      assertWon(await other.acquire(copy));
      await other.ask({ do: "release" });
      // Its own lock file, if that is moved, still keeps others out.
      renameSync(`${path}.lock`, `${path}.moved`);
      assertRefused(await other.acquire(path), [child.pid]);
      await child.ask({ do: "release" });
    }
  }
});

// Anybody can write the number of any empty file that somebody has locked.
const LOCK_WHOLE = "use Fcntl; open F, '>', shift; $| = 1;" +
  "my $all = pack('ssx4qqix4', F_WRLCK, 0, 0, 0, 0);" +
  "print fcntl(F, F_SETLK, $all) ? 1 : 0; <STDIN>";

test("a record of a program that has locked another file keeps nobody out", {
  skip: inContainer() || missing(["perl", "-MFcntl", "-e", "1"]),
}, async (t) => {
  for (const { child, other } of company.pairs()) {
    const path = company.newPath();
    const file = company.newPath();
    const victim = spawn("perl", ["-e", LOCK_WHOLE, file]);
    t.after(() => victim.kill());
    const [said] = await once(victim.stdout, "data");
    assert.equal(String(said), "1");
    const pid = victim.pid!;
    assertWon(await child.acquire(path));
    const text = readFileSync(`${path}.pid`, "utf8");
    await child.ask({ do: "release" });
    const token = processStat(pid)?.startToken;
    writeFileSync(
      `${path}.pid`,
      text.replaceAll(String(child.pid), String(pid))
        .replace(/"startToken":"\d+"/, `"startToken":"${token}"`)
        .replace(/"sidecar":"[^"]+"/, `"sidecar":"${stat(file)?.identity}"`),
    );
    assertWon(await other.acquire(path));
    await other.ask({ do: "release" });
  }
});

test("a database at the place of a record is not opened", {
  skip: needs("/proc"),
}, async () => {
  for (const { child } of company.members) {
    const path = company.newPath();
    const db = open(`${path}.pid`, { heartbeat: false });
    db.exec("CREATE TABLE t (a)");
    const mine = () =>
      (locksOn(stat(`${path}.pid`)) ?? [])
        .filter(({ pid }) => pid === process.pid).length;
    assert.equal(mine(), 1);
    acquireLock(path).release();
    assert.equal(mine(), 1);
    assertWon(await child.acquire(path));
    await child.ask({ do: "release" });
    db.close();
  }
});

function pidfiles(path: string): string[] {
  return readdirSync(company.folder)
    .map((name) => `${company.folder}/${name}`)
    .filter((name) => name.startsWith(`${path}.pid`));
}

test("a pidfile deleted under its holder lets nobody in", {
  skip: needs("/proc"),
}, async () => {
  for (const { child, other } of company.pairs()) {
    for (const mode of ["exclusive", "shared"]) {
      const path = company.newPath();
      assertWon(await child.acquire(path, { mode }));
      for (const name of pidfiles(path)) rmSync(name);
      assert.deepEqual(pidfiles(path), []);
      assertRefused(await other.acquire(path), [child.pid]);
      await child.ask({ do: "release" });
      assertWon(await other.acquire(path));
      await other.ask({ do: "release" });
    }
  }
});

test("a file that only looks like a record is left alone", async () => {
  for (const { child } of company.members) {
    const path = company.newPath();
    const names = ["old", "0123456789abcdef.lock", "0123456789abcdef0"];
    for (const name of names) writeFileSync(`${path}.pid-${name}`, "1\n");
    for (const mode of ["exclusive", "shared"]) {
      assertWon(await child.acquire(path, { mode }));
      await child.ask({ do: "release" });
    }
    assert.equal(pidfiles(path).length, names.length);
  }
});

test("whose record has its place taken is named by another one", async () => {
  for (const { child, other } of company.pairs()) {
    const path = company.newPath();
    // Such as a daemon's own.
    writeFileSync(`${path}.pid`, "1\n");
    assertWon(await child.acquire(path, { app: "displaced" }));
    const answer = await other.acquire(path);
    assertRefused(answer, [child.pid]);
    assert.equal(answer.holders?.[0]?.app, "displaced");
    await child.ask({ do: "release" });
    assert.deepEqual(pidfiles(path), [`${path}.pid`]);
    assert.equal(readFileSync(`${path}.pid`, "utf8"), "1\n");
  }
});

test("who waits goes on at the lock file that is at the path now", {
  skip: needs("unlinking"),
}, async () => {
  for (const { child, other } of company.pairs()) {
    const path = company.newPath();
    assertWon(await child.acquire(path));
    // At once it opens the lock file that is there, and waits.
    const waiting = acquireLockAsync(path, { wait: 60_000 })
      .then((lock) => lock.release());
    for (const name of pidfiles(path)) rmSync(name);
    rmSync(`${path}.lock`);
    assertWon(await other.acquire(path, { wait: 60_000 }));
    await other.ask({ do: "release" });
    await waiting;
    await child.ask({ do: "release" });
  }
});
