import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  type Database,
  type LeasedDatabase,
  LockLostError,
  open,
} from "../../mod.ts";
import { type Standing, standing } from "../../src/etcd/standing.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const buggy = thisRuntime().id === "node22"
  ? "SQLite 3.49 has the WAL-reset bug, so there are no checkpoints of ours"
  : false;
const ALL = "SELECT group_concat(a) FROM t";

function opened(path: string, options: object = {}): Database {
  const db = open(path, { onWarning: () => {}, ...options });
  db.exec("CREATE TABLE IF NOT EXISTS t (a)");
  return db;
}

/** A body that awaits what happens in its middle, and then adds. */
function adding(
  value: unknown,
  meanwhile: () => unknown = () => {},
): (tx: Database) => Promise<void> {
  return async (tx) => {
    await null;
    meanwhile();
    tx.prepare("INSERT INTO t VALUES (?)").run(String(value));
  };
}

test(
  "a WAL that is deleted in the middle is noticed before the COMMIT",
  { skip: process.platform === "win32" && "it cannot be deleted there" },
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(adding(1));
    await assert.rejects(
      db.writeAsync(adding(2, () => rmSync(`${path}-wal`))),
      LockLostError,
    );
    await assert.rejects(db.writeAsync(adding(3)), LockLostError);
    assert.throws(() => db.write(() => {}), LockLostError);
    db.reopen();
    await db.writeAsync(adding(4));
    db.close();
    assert.equal(query(path, ALL), "1,4");
  }),
);

test(
  "a lock that is released by hand in the middle ends the right to write",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(adding(1));
    await assert.rejects(
      db.writeAsync(adding(2, () => db.lock?.release())),
      /its lock was released by hand/,
    );
    assert.equal(query(path, ALL), "1");
    db.close();
  }),
);

test(
  "a lease is asked before the body and before the COMMIT",
  withDatabase(async (path) => {
    const lease: Standing & { held: boolean } = {
      path: "orders",
      mode: "exclusive",
      held: true,
      fence: 1,
    };
    const attach = (db: LeasedDatabase) => standing(lease, db);
    const db = opened(path, { lease: { attach } });
    await db.writeAsync(adding(1));
    await assert.rejects(
      db.writeAsync(adding(2, () => lease.held = false)),
      /its lease does not stand/,
    );
    let ran = false;
    const never = adding(3, () => ran = true);
    await assert.rejects(db.writeAsync(never), /its lease does not stand/);
    assert.equal(ran, false);
    lease.held = true;
    await db.writeAsync(adding(4));
    db.close();
    assert.equal(query(path, ALL), "1,4");
  }),
);

test(
  "the WAL stays near its limit",
  { skip: buggy },
  withDatabase(async (path) => {
    const limit = 200_000;
    const db = opened(path, {
      journalSizeLimit: limit,
      // SQLite itself makes none.
      walAutocheckpoint: 0,
    });
    let largest = 0;
    for (let i = 0; i < 150; i++) {
      await db.writeAsync(adding("x".repeat(10_000)));
      largest = Math.max(largest, statSync(`${path}-wal`).size);
    }
    assert.ok(largest > limit, `${largest}`);
    assert.ok(largest < 5 * limit, `${largest}`);
    db.close();
  }),
);

test(
  "a commit of another process between two of ours is a change",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(adding(1));
    db.poll();
    await db.writeAsync(adding(2));
    assert.equal(db.poll(), "unchanged");
    elsewhere(path, "INSERT INTO t VALUES (3)");
    await db.writeAsync(adding(4));
    await db.writeAsync(adding(5));
    assert.equal(db.poll(), "changed");
    db.write(() => db.exec("INSERT INTO t VALUES (6)"));
    assert.equal(db.poll(), "unchanged");
    db.close();
  }),
);

test(
  "so is one that came in a loop over rows, which ends in a body",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(adding(1));
    await db.writeAsync(adding(2));
    db.poll();
    const rows = db.prepare("SELECT a FROM t").iterate();
    rows.next();
    elsewhere(path, "INSERT INTO t VALUES (3)");
    await db.writeAsync(adding(4, () => [...rows]));
    assert.equal(db.poll(), "changed");
    assert.equal(db.poll(), "unchanged");
    db.close();
    assert.equal(query(path, ALL), "1,2,3,4");
  }),
);
