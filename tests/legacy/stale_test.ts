import assert from "node:assert/strict";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, LockedError } from "../../mod.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { takeAway } from "../../src/os/foreign_locks.ts";
import { lstat } from "../../src/os/stat.ts";
import { inFolder } from "../fixtures/folder.ts";
import { LockProcess } from "../fixtures/lock_processes.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";
import { interposed } from "./fixtures/interposed.ts";

const GONE = 2 ** 30;
const OLD = 1_600_000_000;

test(
  "what an old version puts there while a stale lock is cleared stays",
  inFolder(async (folder) => {
    const path = join(folder, "old.pid");
    const another = await LockProcess.start(thisRuntime());
    const mine = `${another.pid}\n`;
    const changes: [string, () => void][] = [
      ["written over", () => fs.writeFileSync(path, mine)],
      ["replaced", () => {
        fs.writeFileSync(`${path}.new`, mine);
        fs.renameSync(`${path}.new`, path);
      }],
    ];
    for (const [label, change] of changes) {
      fs.writeFileSync(path, `${GONE}\n`);
      fs.utimesSync(path, OLD, OLD);
      const legacy = legacyLocks(path);
      let times = 0;
      const take = () => acquireLock(join(folder, "job"), { legacy });
      interposed("renameSync", (from) => {
        if (from === path && times++ === 0) change();
      }, () => assert.throws(take, LockedError));
      assert.ok(times > 0, label);
      assert.equal(fs.readFileSync(path, "utf8"), mine, label);
      assert.deepEqual(fs.readdirSync(folder).sort(), ["job.lock", "old.pid"]);
    }
    await another.kill();
  }),
);

test(
  "a folder that is taken again while it is cleared stays",
  inFolder((folder) => {
    const path = join(folder, "old.lock");
    fs.mkdirSync(path);
    fs.utimesSync(path, OLD, OLD);
    const legacy = legacyLocks(path);
    let times = 0;
    const take = () => acquireLock(join(folder, "job"), { legacy });
    interposed("renameSync", (from) => {
      // As proper-lockfile does it: away with the stale one, and a new one.
      if (from !== path || times++ > 0) return;
      fs.rmdirSync(path);
      fs.mkdirSync(path);
    }, () => assert.throws(take, LockedError));
    assert.ok(times > 0);
    assert.equal(fs.statSync(path).isDirectory(), true);
    assert.deepEqual(fs.readdirSync(folder).sort(), ["job.lock", "old.lock"]);
  }),
);

test(
  "what has changed since it was seen is not taken away",
  inFolder((folder) => {
    const path = join(folder, "old.pid");
    const aside = join(folder, "aside");
    fs.writeFileSync(path, "12\n");
    const seen = lstat(path)!;
    assert.equal(takeAway(path, seen, "13\n", aside), false);
    fs.utimesSync(path, OLD, OLD);
    assert.equal(takeAway(path, seen, "12\n", aside), false);
    assert.equal(takeAway(path, lstat(path)!, "12\n", aside), true);
    assert.equal(takeAway(path, seen, "12\n", aside), false);
    assert.deepEqual(fs.readdirSync(folder), []);
  }),
);

test(
  "our place is looked after until the lock is let go",
  inFolder(async (folder) => {
    const path = join(folder, "old.pid");
    const lock = acquireLock(join(folder, "job"), {
      legacy: legacyLocks(path),
    });
    fs.rmSync(path);
    const deadline = Date.now() + 30_000;
    while (!fs.existsSync(path)) {
      assert.ok(Date.now() < deadline, "nobody looked after it");
      await pause(20);
    }
    assert.equal(fs.readFileSync(path, "utf8"), `${process.pid}\n\n`);
    // Whatever is put there meanwhile is left alone, and no error is thrown.
    fs.writeFileSync(path, "notes");
    await pause(600);
    lock.release();
    assert.equal(fs.readFileSync(path, "utf8"), "notes");
    fs.rmSync(path);
    await pause(600);
    assert.equal(fs.existsSync(path), false);
  }),
);

test(
  "two locks of one process leave the place to each other",
  inFolder((folder) => {
    const path = join(folder, "old.pid");
    const legacy = legacyLocks(path);
    const how = { mode: "shared", legacy } as const;
    const one = acquireLock(join(folder, "job"), how);
    const other = acquireLock(join(folder, "job"), how);
    one.release();
    assert.equal(fs.readFileSync(path, "utf8"), `${process.pid}\n\n`);
    other.release();
    assert.equal(fs.existsSync(path), false);
  }),
);
