import assert from "node:assert/strict";
import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, LockedError } from "../../mod.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { inFolder } from "../fixtures/folder.ts";
import { LockProcess } from "../fixtures/lock_processes.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const linux = needs("/proc");
const HOUR = 3600;

/** Writes an old lock that was last changed so many seconds ago. */
function write(path: string, text: string, secondsAgo = 0): void {
  fs.writeFileSync(path, text);
  const at = Date.now() / 1000 - secondsAgo;
  fs.utimesSync(path, at, at);
}

function take(folder: string, path: string): void {
  const legacy = legacyLocks(path);
  acquireLock(join(folder, "job"), { legacy }).release();
}

/** Runs a body beside a process that has just begun, and lives. */
function besideAnother(
  body: (folder: string, pid: number) => void,
): () => Promise<void> {
  return inFolder(async (folder) => {
    const another = await LockProcess.start(thisRuntime());
    try {
      body(folder, another.pid);
    } finally {
      await another.kill();
    }
  });
}

test(
  "a number that can be no PID keeps nobody out",
  inFolder((folder) => {
    const path = join(folder, "old.lock");
    const numbers = [
      "0",
      "2147483648",
      "9999999999",
      "4294967297",
      "99999999999999999999",
      '{"pid":0}',
      '{"pid":-1}',
      '{"pid":1.5}',
      '{"pid":2147483648}',
      '{"pid":1e15}',
      '{"pid":1e400}',
      '{"pid":2147483648,"hostname":"elsewhere"}',
    ];
    for (const text of numbers) {
      write(path, text);
      take(folder, path);
      assert.equal(fs.existsSync(path), false, text);
    }
  }),
);

test(
  "a PID that another process has by now keeps nobody out",
  { skip: linux },
  besideAnother((folder, pid) => {
    const path = join(folder, "old.pid");
    const year = 365 * 24 * HOUR;
    for (const text of [`${pid}`, `{"pid":${pid}}`]) {
      // Before it began, and before this machine did.
      for (const age of [HOUR / 2, 20 * year]) {
        write(path, text, age);
        take(folder, path);
        assert.equal(fs.existsSync(path), false);
      }
      write(path, text);
      assert.throws(() => take(folder, path), LockedError);
      assert.equal(fs.readFileSync(path, "utf8"), text);
    }
  }),
);

test(
  "a PID that is our own by now is of an earlier process",
  { skip: linux },
  inFolder((folder) => {
    const path = join(folder, "old.pid");
    for (const text of [`${process.pid}`, `{"pid":${process.pid}}`]) {
      write(path, text, 20 * 365 * 24 * HOUR);
      take(folder, path);
    }
  }),
);

test(
  "a record of another host counts for a day, whatever its PID is here",
  besideAnother((folder, pid) => {
    const path = join(folder, "old.lock");
    for (const key of ["hostname", "host"]) {
      const gone = JSON.stringify({ pid: 2 ** 30, [key]: "somewhere.else" });
      write(path, gone, 23 * HOUR);
      assert.throws(() => take(folder, path), (error) => {
        assert.ok(error instanceof LockedError);
        assert.match(error.message, /PID 1073741824 on somewhere\.else/);
        assert.equal(error.holders[0]?.alive, null);
        return true;
      });
      assert.equal(fs.readFileSync(path, "utf8"), gone);
      write(path, gone, 25 * HOUR);
      take(folder, path);
      // Of this one it is judged by the process.
      for (const name of [hostname(), `${hostname().toUpperCase()}.local`]) {
        write(path, JSON.stringify({ pid: 2 ** 30, [key]: name }));
        take(folder, path);
        write(path, JSON.stringify({ pid, [key]: name }));
        assert.throws(() => take(folder, path), LockedError);
      }
    }
  }),
);

test(
  "a refusal says which program it is, without its arguments",
  { skip: linux },
  besideAnother((folder, pid) => {
    const path = join(folder, "old.pid");
    write(path, `${pid}\n`);
    assert.throws(() => take(folder, path), (error) => {
      assert.ok(error instanceof LockedError);
      const [holder] = error.holders;
      assert.equal(holder?.pid, pid);
      assert.equal(holder?.alive, true);
      assert.match(holder?.command ?? "", /lock_child\.ts$/);
      assert.match(error.message, /PID \d+ \(.*lock_child\.ts, parent \d+\)/);
      return true;
    });
  }),
);

test(
  "a folder with a time to come is stale as an old one is",
  inFolder((folder) => {
    const path = join(folder, "old.lock");
    fs.mkdirSync(path);
    const later = Date.now() / 1000 + 90;
    fs.utimesSync(path, later, later);
    take(folder, path);
    assert.equal(fs.existsSync(path), false);
  }),
);
