import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  acquireLock,
  acquireLockAsync,
  type Lock,
  LockedError,
  open,
} from "../../mod.ts";
import { Child, fixture, otherRuntime, start } from "../fixtures/children.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { inFolder } from "../fixtures/folder.ts";
import { LockProcess } from "../fixtures/lock_processes.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const OLD_VERSION = new URL("fixtures/old_version.ts", import.meta.url);
const node = runtimes().find(({ id }) => id === "node") ?? runtimes()[0]!;
const KINDS = ["pid", "json", "context-mode", "proper-lockfile"];
const options = { skip: withoutPackages };

/** The old version, as its users had it: on Node. */
function oldVersion(kind: string, path: string): Child {
  // context-mode locks nothing below the folder for temporary files.
  const env = { TMPDIR: "/nowhere", TEMP: "/nowhere" };
  const program = [...node.command, fixture(OLD_VERSION), kind, path];
  return new Child(program, env);
}

async function ask(child: Child, order: string): Promise<string> {
  child.say(order);
  return await child.line();
}

function refused(take: () => Lock): LockedError {
  try {
    take().release();
  } catch (error) {
    if (error instanceof LockedError) return error;
    throw error;
  }
  throw new Error("the lock was given");
}

for (const kind of KINDS) {
  test(
    `a living old version with a lock of the kind ${kind} keeps us out`,
    options,
    inFolder(async (folder) => {
      const path = join(folder, "content.db.lock");
      const old = oldVersion(kind, path);
      assert.equal(await ask(old, "take"), "ok");
      for (const mode of ["shared", "exclusive"] as const) {
        const take = () =>
          acquireLock(join(folder, "content"), {
            mode,
            legacy: legacyLocks(path),
          });
        const { message, holders } = refused(take);
        const who = kind === "proper-lockfile" ? [] : [old.pid];
        assert.deepEqual(holders.map(({ pid }) => pid), who);
        assert.match(message, /is locked exclusively by .* older version/);
        assert.ok(message.includes(path), message);
        assert.equal(existsSync(join(folder, "content.pid")), false);
      }
      // It lets go while we wait.
      const coming = acquireLockAsync(join(folder, "content"), {
        wait: 20_000,
        legacy: legacyLocks(path),
      });
      assert.equal(await ask(old, "leave"), "ok");
      (await coming).release();
      assert.equal(existsSync(path), false);
    }),
  );

  test(
    `while we hold the lock an old version of the kind ${kind} stays out`,
    options,
    inFolder(async (folder) => {
      const path = join(folder, "content.db.lock");
      const lock = acquireLock(join(folder, "content"), {
        mode: "shared",
        legacy: legacyLocks(path),
      });
      assert.equal(readFileSync(path, "utf8"), `${process.pid}\n\n`);
      const old = oldVersion(kind, path);
      assert.match(await ask(old, "take"), /^refused: /);
      lock.release();
      assert.equal(existsSync(path), false);
      assert.equal(await ask(old, "take"), "ok");
    }),
  );

  test(
    `an old version of the kind ${kind} that was killed keeps nobody out`,
    {
      skip: withoutPackages ||
        (kind === "proper-lockfile" && "its folder tells no PID"),
    },
    inFolder(async (folder) => {
      const path = join(folder, "content.db.lock");
      const old = oldVersion(kind, path);
      assert.equal(await ask(old, "take"), "ok");
      old.kill("SIGKILL");
      await old.ended;
      const lock = acquireLock(join(folder, "content"), {
        legacy: legacyLocks(path),
      });
      assert.equal(readFileSync(path, "utf8"), `${process.pid}\n\n`);
      lock.release();
    }),
  );
}

test(
  "who waits for an old version keeps nobody of its thread waiting",
  inFolder(async (folder) => {
    const old = join(folder, "old.pid");
    writeFileSync(old, `${process.ppid}\n`);
    const path = join(folder, "content");
    const enough = new AbortController();
    const options = { wait: Infinity, signal: enough.signal };
    const ways = [{ ...options, legacy: legacyLocks(old) }, options];
    const late = setTimeout(() => enough.abort(), 20_000);
    const both = ways.map((way) => acquireLockAsync(path, way));
    // The lock of the second counts for the first.
    for (const end of await Promise.allSettled(both)) {
      assert.equal(end.status, "fulfilled", "both waited");
      if (end.status === "fulfilled") end.value.release();
    }
    clearTimeout(late);
  }),
);

test(
  "a folder of proper-lockfile that nobody touched for a minute is stale",
  inFolder((folder) => {
    const path = join(folder, "content.db.lock");
    mkdirSync(path);
    refused(() =>
      acquireLock(join(folder, "content"), { legacy: legacyLocks(path) })
    );
    const before = Date.now() / 1000 - 61;
    utimesSync(path, before, before);
    const lock = acquireLock(join(folder, "content"), {
      legacy: legacyLocks(path),
    });
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n\n`);
    lock.release();
    assert.equal(existsSync(path), false);
  }),
);

test(
  "the new version's shared holders hand the place on, the last removes it",
  inFolder(async (folder) => {
    const path = join(folder, "old.pid");
    const how = { mode: "shared", legacy: [path] };
    const first = await LockProcess.start(otherRuntime());
    const second = await LockProcess.start(node);
    try {
      const answer = await first.acquire(join(folder, "content"), how);
      assert.equal(answer.ok, true, answer.message);
      assert.equal(
        (await second.acquire(join(folder, "content"), how)).ok,
        true,
      );
      assert.equal(readFileSync(path, "utf8"), `${first.pid}\n\n`);
      await first.ask({ do: "release" });
      assert.equal(readFileSync(path, "utf8"), `${second.pid}\n\n`);
      const third = acquireLock(join(folder, "content"), {
        mode: "shared",
        legacy: legacyLocks(path),
      });
      // Killed, it cannot hand it on: we notice.
      await second.kill();
      const until = Date.now() + 30_000;
      while (readFileSync(path, "utf8") !== `${process.pid}\n\n`) {
        assert.ok(Date.now() < until, readFileSync(path, "utf8"));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      third.release();
      assert.equal(existsSync(path), false);
    } finally {
      await first.kill();
      await second.kill();
    }
  }),
);

test(
  "threads of one process leave the place to each other",
  inFolder(async (folder) => {
    const path = join(folder, "old.pid");
    const child = await LockProcess.start(node);
    const how = {
      path: join(folder, "content"),
      options: { mode: "shared", legacy: [path] },
    };
    try {
      for (const thread of [false, true]) {
        const answer = await child.ask({ do: "acquire", thread, ...how });
        assert.equal(answer.ok, true, answer.message);
      }
      await child.ask({ do: "release" });
      assert.equal(readFileSync(path, "utf8"), `${child.pid}\n\n`);
      await child.ask({ do: "release", thread: true });
      assert.equal(existsSync(path), false);
    } finally {
      await child.kill();
    }
  }),
);

test(
  "open takes the old version's lock into account too",
  inFolder(async (folder) => {
    const path = join(folder, "server.pid");
    const old = start(node, OLD_VERSION, "pid", path);
    assert.equal(await ask(old, "take"), "ok");
    const database = join(folder, "app.db");
    assert.throws(
      () => open(database, { legacy: legacyLocks(path) }),
      LockedError,
    );
    assert.equal(await ask(old, "leave"), "ok");
    const db = open(database, { legacy: legacyLocks(path) });
    assert.match(await ask(old, "take"), /^refused: PID/);
    db.close();
    assert.equal(existsSync(path), false);
  }),
);

test(
  "a file that says nothing is waited for, and stale after a while",
  inFolder((folder) => {
    const path = join(folder, "old.pid");
    writeFileSync(path, "");
    assert.deepEqual(
      refused(() =>
        acquireLock(join(folder, "content"), { legacy: legacyLocks(path) })
      )
        .holders,
      [],
    );
    const before = Date.now() / 1000 - 6;
    utimesSync(path, before, before);
    acquireLock(join(folder, "content"), { legacy: legacyLocks(path) })
      .release();
  }),
);

test(
  "a legacy path where our own lock lies is refused, with a way out",
  inFolder((folder) => {
    const path = join(folder, "app.db");
    assert.throws(
      () => open(path, { legacy: legacyLocks(`${path}.lock`) }),
      /TypeError: Cannot lock .*litelatch's own.*acquireLock.*lock: "none"/,
    );
    const wrong: object = { legacy: [path] };
    assert.throws(() => open(path, wrong), /must be what legacyLocks\(\) /);
    assert.throws(() => legacyLocks(), /TypeError: .* there must be a path/);
    assert.throws(() => legacyLocks(""), /TypeError: .* must name a file/);
  }),
);
