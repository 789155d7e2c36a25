import assert from "node:assert/strict";
import {
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { test } from "node:test";
import { adopt, type Database, LockLostError, open } from "../../mod.ts";
import { elsewhere, start } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { Neighbour, raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const STILL = { heartbeat: false } as const;
const skip = needs("unlinking");
const SUM = "SELECT group_concat(n) FROM t";

/** A database whose one row is in the WAL alone. */
function make(path: string): Database {
  const db = open(path, STILL);
  db.exec("CREATE TABLE t (n INTEGER)");
  db.checkpoint();
  insert(db, 1);
  return db;
}

/** Moves it, and puts another in its place: by `sqlite3` -wal would be deleted. */
function replace(path: string): void {
  elsewhere(`${path}.new`, "CREATE TABLE other (a)");
  renameSync(path, `${path}.moved`);
  renameSync(`${path}.new`, path);
}

function insert(db: Database, n: number): void {
  db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(n));
}

test(
  "a reader of a moved database that closes first takes no commits with it",
  { skip },
  withDatabase((path) => {
    const db = make(path);
    const reader = open(path, { ...STILL, readOnly: true });
    reader.prepare("SELECT * FROM t").all();
    renameSync(path, `${path}.moved`);
    reader.close();
    db.close();
    assert.equal(query(`${path}.moved`, SUM), "1");
    checkIntegrity(`${path}.moved`);
  }),
);

test(
  "what one of another process clears away for another database is told",
  { skip: needs("/proc") },
  withDatabase(async (path) => {
    const db = make(path);
    const child = start(thisRuntime(), "database_child.ts");
    const options = { ...STILL, readOnly: true };
    await child.ask({ do: "open", path, options });
    await child.ask({ do: "get", sql: SUM });
    replace(path);
    await child.ask({ do: "close" });
    assert.throws(() => db.close(), LockLostError);
    assert.ok(!existsSync(`${path}-wal`));
    checkIntegrity(path);
  }),
);

test(
  "what a reader of a moved database keeps back is said to be lost",
  { skip: skip || SQLITE3 === undefined && "needs sqlite3" },
  withDatabase(async (path) => {
    const db = make(path);
    await startSqlite3(path).run("BEGIN; SELECT count(*) FROM t");
    insert(db, 2);
    await pause(5);
    replace(path);
    assert.throws(() => db.close(), LockLostError);
    checkIntegrity(path);
  }),
);

test(
  "what an adopted connection committed is in the database that was moved",
  { skip },
  withDatabase((path) => {
    make(path).close();
    const bare = raw(path);
    const db = adopt(bare.native, STILL);
    insert(db, 2);
    renameSync(path, `${path}.moved`);
    db.close();
    bare.close();
    assert.equal(query(`${path}.moved`, SUM), "1,2");
  }),
);

test(
  "a database that was moved behind a link at its path is noticed",
  { skip: skip || needs("names") },
  withDatabase(async (path) => {
    const db = make(path);
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
    await pause(5);
    assert.throws(() => insert(db, 2), LockLostError);
    db.close();
    assert.equal(query(path, SUM), "1");
  }),
);

test(
  "the WAL of the first write after a change of the journal mode is remembered",
  { skip },
  withDatabase(async (path) => {
    const db = open(path, STILL);
    db.exec("CREATE TABLE t (n INTEGER)");
    db.exec("PRAGMA journal_mode=DELETE; PRAGMA journal_mode=WAL");
    db.exec("INSERT INTO t VALUES (1)");
    for (const end of ["-wal", "-shm"]) rmSync(path + end);
    const neighbour = new Neighbour();
    await neighbour.open(path);
    await neighbour.write("INSERT INTO t VALUES (2)");
    assert.throws(() => db.close(), LockLostError);
    await neighbour.close();
    assert.equal(query(path, SUM), "2");
  }),
);

test(
  "a SELECT that writes is refused as any other write is",
  withDatabase((path) => {
    const db = make(path);
    db.lock?.release();
    const optimize = db.prepare("SELECT * FROM pragma_optimize(0x10002)");
    assert.throws(() => optimize.all(), LockLostError);
    db.close();
  }),
);

test(
  "reopen() says once that commits went with a database that was deleted",
  { skip: needs("/proc") },
  withDatabase(async (path, folder) => {
    const one = make(path);
    const other = open(path, STILL);
    insert(other, 2);
    for (const name of readdirSync(folder)) {
      if (!name.endsWith(".lock")) rmSync(`${folder}/${name}`);
    }
    await pause(5);
    assert.equal(one.poll(), "gone");
    assert.throws(() => one.reopen(), LockLostError);
    one.reopen();
    one.exec("CREATE TABLE t (n INTEGER)");
    insert(other, 3);
    one.close();
    other.close();
    assert.equal(query(path, SUM), "3");
  }),
);
