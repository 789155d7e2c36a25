import assert from "node:assert/strict";
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { inspect } from "../../src/inspect/mod.ts";
import { SHARED } from "../../src/os/lock_bytes.ts";
import { locksOfProcess, openFile } from "../../src/os/process_locks.ts";
import { pidsAt } from "../../src/os/procfs.ts";
import { type FileIdentity, stat } from "../../src/os/stat.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";

const skip = needs("/proc");

// Of the range that a shared lock takes one byte, or all of them.
const FREE_BYTE = 0x40000000;

function hasOwnLock(file: FileIdentity, byte: number): boolean {
  return pidsAt(locksOfProcess(process.pid, file) ?? [], byte).length > 0;
}

/** Runs `body` while lists of what a descriptor locks cannot be opened. */
function withoutLists(which: RegExp, body: () => void): void {
  const fs = process.getBuiltinModule("node:fs");
  const real = fs.readFileSync;
  const failing = (path: unknown, ...rest: unknown[]) => {
    if (which.test(String(path))) {
      throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
    }
    return Reflect.apply(real, fs, [path, ...rest]);
  };
  fs.readFileSync = failing as typeof real;
  try {
    body();
  } finally {
    fs.readFileSync = real;
  }
}

test(
  "a lock is found at any descriptor of the file, whatever its name is now",
  { skip },
  withDatabase((path) => {
    const one = openConnection(path);
    one.exec("CREATE TABLE t (x); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    const more = openConnection(path, { readOnly: true });
    more.exec("BEGIN; SELECT * FROM t");
    const before = stat(path)!;
    for (const name of [`${path}.moved`, path]) {
      renameSync(name === path ? `${path}.moved` : path, name);
      assert.equal(hasOwnLock(before, SHARED), true);
      assert.equal(hasOwnLock(before, FREE_BYTE), false);
      const pids = locksOfProcess(process.pid, before)!.map(({ pid }) => pid);
      assert.ok(pids.length >= 2);
      assert.deepEqual([...new Set(pids)], [process.pid]);
    }
    more.exec("COMMIT");
    more.close();
    one.exec("ROLLBACK");
    one.close();
    assert.equal(hasOwnLock(before, SHARED), false);
    assert.deepEqual(locksOfProcess(process.pid, before), []);
  }),
);

test(
  "locks that cannot be read are unknown, and those of a closed file are none",
  { skip },
  withDatabase((path) => {
    const db = open(path, { heartbeat: false });
    db.exec("CREATE TABLE t (x)");
    const file = stat(path)!;
    withoutLists(/\/fdinfo\//, () => {
      assert.equal(locksOfProcess(process.pid, file), null);
      // The list of all processes still tells.
      const report = inspect(path);
      assert.equal(report.lock.state, "shared");
      assert.equal(report.processes?.[0]?.database, "shared");
    });
    assert.equal(hasOwnLock(file, SHARED), true);
    db.close();
    const closed = openSync("/dev/null", "r");
    closeSync(closed);
    assert.equal(openFile("self", String(closed)), undefined);
  }),
);

test(
  "where one descriptor's locks cannot be read, the list of all tells",
  { skip },
  withDatabase((path) => {
    const db = open(path, { heartbeat: false });
    const sidecar = `${path}.lock`;
    const more = openConnection(sidecar, { readOnly: true });
    more.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    const taker = readdirSync("/proc/self/fd").find((name) => {
      return linkOf(name) === sidecar && listOf(name).includes("lock:");
    });
    assert.ok(taker);
    withoutLists(new RegExp(`/fdinfo/${taker}$`), () => {
      assert.equal(locksOfProcess(process.pid, stat(sidecar)!), null);
      const { lock, holders } = inspect(path);
      assert.equal(lock.state, "shared");
      assert.equal(holders[0]?.holdsLock, true);
    });
    more.exec("COMMIT");
    more.close();
    db.close();
  }),
);

function listOf(descriptor: string): string {
  return readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
}

function linkOf(descriptor: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return null;
  }
}
