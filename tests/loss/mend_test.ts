import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  adopt,
  type Database,
  inspect,
  LockLostError,
  open,
} from "../../mod.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { Neighbour, raw } from "../fixtures/losing.ts";
import { pause, until } from "../fixtures/until.ts";

// The heartbeat has to see the locks once before it can miss them.
const QUICK = { heartbeat: 30, onWarning: () => {} };
const SEEN_MS = 200;
const noKernelList = existsSync("/proc/self/fdinfo")
  ? false
  : "the kernel lists no locks here";

function make(path: string): Database {
  const db = open(path, QUICK);
  db.exec("CREATE TABLE IF NOT EXISTS t (n INTEGER)");
  return db;
}

function insert(db: Database, n: number): void {
  db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(n));
}

/** Drops the locks of this process on the database. */
function drop(path: string): void {
  readFileSync(path);
  readFileSync(`${path}-shm`);
}

/** By what the kernel says of our descriptors on the file. */
function hasLocks(path: string): boolean {
  const { ino } = statSync(path);
  return readdirSync("/proc/self/fd").some((fd) => {
    const info = statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false });
    return info?.ino === ino &&
      readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").includes("lock:");
  });
}

test(
  "dropped locks are taken anew at the heartbeat, for every handle at once",
  { skip: noKernelList },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const one = make(path);
    const other = make(path);
    const prepared = one.prepare("INSERT INTO t VALUES (?)");
    const before = [one.native, other.native];
    insert(one, 1);
    await neighbour.open(path);
    await pause(SEEN_MS);
    drop(path);
    assert.ok(!hasLocks(path));
    await until("the locks are back", () => hasLocks(path));
    assert.notEqual(one.native, before[0]);
    assert.notEqual(other.native, before[1]);
    await neighbour.close();
    assert.ok(existsSync(`${path}-wal`), "the neighbour sees that we are here");
    prepared.run(2);
    insert(other, 3);
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,2,3");
    one.close();
    other.close();
  }),
);

test(
  "a loop over rows or a transaction puts it off, and it is tried again",
  { skip: noKernelList },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    insert(db, 2);
    const native = db.native as { exec(sql: string): void };
    await pause(SEEN_MS);

    const rows = db.prepare("SELECT n FROM t").iterate();
    rows.next();
    drop(path);
    await pause(SEEN_MS);
    assert.equal(db.native, native);
    assert.ok(!hasLocks(path));
    assert.deepEqual(rows.next().value, { n: 2 });
    rows.next();
    await until("the loop is over", () => db.native !== native);

    const second = db.native as { exec(sql: string): void };
    await pause(SEEN_MS);
    second.exec("BEGIN; INSERT INTO t VALUES (3)");
    drop(path);
    await pause(SEEN_MS);
    assert.equal(db.native, second);
    second.exec("COMMIT");
    await until("the transaction is over", () => db.native !== second);
    assert.ok(hasLocks(path));
    assert.deepEqual(db.prepare("SELECT count(*) AS n FROM t").get(), { n: 3 });
    db.close();
  }),
);

test(
  "locks are seen whichever connection of the process has taken them",
  { skip: noKernelList },
  withDatabase(async (path) => {
    const below = openSync("/dev/null", "r");
    const db = make(path);
    insert(db, 1);
    const { native } = db;
    await pause(SEEN_MS);
    // The kernel gives the lowest free number: this one is listed first, and
    // without the lock.
    closeSync(below);
    const bare = raw(path);
    bare.exec("SELECT count(*) FROM t");
    await pause(SEEN_MS);
    assert.equal(refusalOf(db), "");
    assert.equal(db.native, native);
    const self = inspect(path).processes?.find(({ pid }) =>
      pid === process.pid
    );
    assert.equal(self?.database, "shared");
    bare.close();
    db.close();
  }),
);

test(
  "a connection that is not ours is in the way, and the next write is refused",
  { skip: noKernelList },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    const bare = raw(path);
    bare.exec("SELECT count(*) FROM t");
    await pause(SEEN_MS);
    drop(path);
    await until("it is refused", () => refusalOf(db) !== "");
    assert.match(refusalOf(db), /a connection to it that is not litelatch's/);
    assert.match(refusalOf(db), /reopen\(\)/);
    assert.throws(() => open(path, QUICK), LockLostError);
    assert.throws(() => db.reopen(), LockLostError);
    bare.close();
    db.reopen();
    assert.ok(hasLocks(path));
    insert(db, 2);
    db.close();
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,2");
  }),
);

test(
  "an adopted connection is its owner's to close, and the next write is refused",
  { skip: noKernelList },
  withDatabase(async (path) => {
    const bare = raw(path);
    const db = adopt(bare.native, QUICK);
    db.exec("CREATE TABLE t (n INTEGER)");
    await pause(SEEN_MS);
    drop(path);
    await until("it is refused", () => refusalOf(db) !== "");
    assert.match(refusalOf(db), /adopted: its owner has to close it/);
    db.close();
    bare.close();
    const anew = make(path);
    insert(anew, 1);
    anew.close();
  }),
);

function refusalOf(db: Database): string {
  try {
    insert(db, 0);
    db.exec("DELETE FROM t WHERE n = 0");
    return "";
  } catch (error) {
    if (!(error instanceof LockLostError)) throw error;
    return error.message;
  }
}
