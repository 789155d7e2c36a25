import assert from "node:assert/strict";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock } from "../../mod.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { inFolder } from "../fixtures/folder.ts";
import { LockProcess } from "../fixtures/lock_processes.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { interposed } from "./fixtures/interposed.ts";

/** As another version of litelatch writes it, which knows less. */
function recordOf(pid: number): string {
  return `${pid}\n{"v":1,"pid":${pid},"mode":"shared"}\n`;
}

/** A scene with two that live: `pid` may have a record, `stranger` has none. */
function withAnother(
  play: (scene: {
    target: string;
    old: string;
    pid: number;
    stranger: number;
    enter(): void;
    leave(): void;
  }) => void,
): () => Promise<void> {
  return inFolder(async (folder) => {
    const another = await LockProcess.start(thisRuntime());
    const stranger = await LockProcess.start(thisRuntime());
    const record = join(folder, "content.pid-0123456789abcdef");
    try {
      play({
        target: join(folder, "content"),
        old: join(folder, "old.pid"),
        pid: another.pid,
        stranger: stranger.pid,
        enter: () => fs.writeFileSync(record, recordOf(another.pid)),
        leave: () => fs.rmSync(record, { force: true }),
      });
    } finally {
      await another.kill();
      await stranger.kill();
    }
  });
}

test(
  "an heir that left before it was named is not left in the old lock",
  withAnother(({ target, old, pid, enter, leave }) => {
    const lock = acquireLock(target, {
      mode: "shared",
      legacy: legacyLocks(old),
    });
    enter();
    const named: string[] = [];
    interposed("renameSync", (draft, path) => {
      if (path !== old) return;
      named.push(fs.readFileSync(draft!, "utf8"));
      leave();
    }, () => lock.release());
    assert.deepEqual(named, [`${pid}\n\n`]);
    assert.equal(fs.existsSync(old), false);
  }),
);

test(
  "whoever is refused hands on what it was handed meanwhile",
  withAnother(({ target, old, pid, stranger, enter }) => {
    enter();
    fs.writeFileSync(old, `${pid}\n`);
    const second = `${old}-2`;
    fs.writeFileSync(second, `${stranger}\n`);
    let handed = 0;
    const take = () =>
      acquireLock(target, { mode: "shared", legacy: legacyLocks(old, second) });
    interposed("unlinkSync", (path) => {
      // Our record, which goes when we are refused.
      if (!/content\.pid-[0-9a-f]{16}$/.test(path!)) return;
      fs.writeFileSync(old, `${process.pid}\n`);
      handed++;
    }, () => assert.throws(take, /older version/));
    assert.ok(handed > 0);
    assert.equal(fs.readFileSync(old, "utf8"), `${pid}\n\n`);
  }),
);

// How long a PID without a record is doubted. On a busy machine eight looks may
// take longer.
const DOUBT_MS = 50;

function withinADoubt<T>(take: () => T): T {
  for (let tries = 0;; tries++) {
    const start = performance.now();
    try {
      return take();
    } catch (error) {
      const isBusy = performance.now() - start >= DOUBT_MS;
      if (!isBusy || tries === 100) throw error;
    }
  }
}

// The first look into the folder is for litter, the second for whose PID it is.
for (const [when, looks] of [["just now", 2], ["a moment later", 8]] as const) {
  test(
    `a lock of ours whose holder leaves ${when} is not an old version's`,
    withAnother(({ target, old, pid }) => {
      let seen = 0;
      const take = () => {
        seen = 0;
        fs.writeFileSync(old, `${pid}\n`);
        return interposed(
          "readdirSync",
          () => {
            if (++seen === looks) fs.rmSync(old);
          },
          () =>
            acquireLock(target, { mode: "shared", legacy: legacyLocks(old) }),
        );
      };
      const lock = withinADoubt(take);
      assert.ok(seen >= looks);
      assert.equal(fs.readFileSync(old, "utf8"), `${process.pid}\n\n`);
      lock.release();
      assert.equal(fs.existsSync(old), false);
    }),
  );
}

test(
  "an old lock that cannot be written leaves no record of us",
  inFolder((folder) => {
    const names = ["first.pid", "second.pid"];
    const paths = names.map((name) => join(folder, name));
    const legacy = legacyLocks(...paths);
    for (const mode of ["shared", "exclusive"] as const) {
      const take = () => acquireLock(join(folder, "content"), { mode, legacy });
      interposed("openSync", (path) => {
        if (path!.startsWith(paths[1]!)) throw new Error("read-only");
      }, () => assert.throws(take, /LitelatchError: .*writable.*read-only/));
      assert.deepEqual(fs.readdirSync(folder), ["content.lock"]);
    }
  }),
);
