import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { adopt, BusyError, type Database, open } from "../../mod.ts";
import { Turns } from "../../src/database/turns.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { waitSync } from "../../src/os/waiting.ts";
import { openSettings } from "../../src/settings.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";

const TIMEOUT = 300;
// Clocks are read before and after, and a sleep may end a little early.
const WAITED = 250;

interface Stage {
  db: Database;
  /** Another connection, which can take the write lock. */
  other: Database;
  folder: string;
}

/** Two writes, after which the timeout of a handle may stay down. */
function staged(body: (stage: Stage) => void): () => Promise<void> {
  return withDatabase((path, folder) => {
    const options = { busyTimeout: TIMEOUT, onWarning: () => {} };
    const db = open(path, options);
    const other = open(path, options);
    try {
      db.exec("CREATE TABLE t (a)");
      for (const a of [1, 2]) {
        db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(a));
      }
      body({ db, other, folder });
    } finally {
      db.close();
      other.close();
    }
  });
}

/** Milliseconds until `statement` gives up on a lock that stays held. */
function untilBusy(
  holder: Pick<Database, "exec">,
  statement: () => void,
  begin = "BEGIN IMMEDIATE",
): number {
  holder.exec(begin);
  const start = performance.now();
  try {
    assert.throws(statement, /database is locked|Cannot (?:write to|read)/);
    return performance.now() - start;
  } finally {
    holder.exec("ROLLBACK");
  }
}

/** The ways to run one statement that writes. */
function inserting(db: Database): (() => void)[] {
  const insert = db.prepare("INSERT INTO t VALUES (9)");
  return [
    () => void insert.run(),
    () => void insert.all(),
    () => db.exec("INSERT INTO t VALUES (9)"),
  ];
}

test(
  "a plain statement after writes waits as long as before",
  staged(({ db, other }) => {
    const insert = db.prepare("INSERT INTO t VALUES (9)");
    for (const way of inserting(db)) {
      db.write(() => insert.run());
      assert.ok(untilBusy(other, way) >= WAITED, String(way));
    }
  }),
);

test(
  "the native handle waits as long as before, whenever it was taken",
  staged(({ db, other }) => {
    const native = db.native as { exec(sql: string): void };
    const insert = () => native.exec("INSERT INTO t VALUES (9)");
    assert.ok(untilBusy(other, insert) >= WAITED);
    const prepared = db.prepare("INSERT INTO t VALUES (9)");
    db.write(() => prepared.run());
    assert.ok(untilBusy(other, insert) >= WAITED);
  }),
);

test(
  "a write waits for an attached database as long as a plain statement",
  staged(({ db, folder }) => {
    const path = join(folder, "second.db");
    const second = open(path, { onWarning: () => {} });
    try {
      second.exec("CREATE TABLE u (a)");
      db.prepare("ATTACH ? AS second").run(path);
      db.write(() => db.prepare("INSERT INTO t VALUES (9)").run());
      const write = () =>
        db.write(() => db.exec("INSERT INTO second.u VALUES (1)"));
      assert.ok(untilBusy(second, write) >= WAITED);
      const prepared = db.prepare("INSERT INTO second.u VALUES (2)");
      const again = () => db.write(() => prepared.run());
      assert.ok(untilBusy(second, again) >= WAITED);
    } finally {
      second.close();
    }
  }),
);

test(
  "a write after writes gives up at its deadline, and the next one succeeds",
  staged(({ db, other }) => {
    const write = () =>
      db.write(() => db.prepare("INSERT INTO t VALUES (9)").run());
    const waited = untilBusy(other, () => {
      assert.throws(write, BusyError);
      throw new Error("database is locked");
    });
    assert.ok(waited >= WAITED);
    assert.equal(write().changes, 1);
  }),
);

test(
  "statements of an adopted handle leave its owner the timeout that was set",
  staged(({ other, folder }) => {
    const owners = openConnection(join(folder, "app.db"));
    const options = { busyTimeout: TIMEOUT, onWarning: () => {} };
    const db = adopt(owners.native, options);
    const insert = db.prepare("INSERT INTO t VALUES (9)");
    const ways = [() => void insert.run(), () => db.exec("DELETE FROM t")];
    for (const way of ways) {
      assert.ok(untilBusy(other, way) >= WAITED, String(way));
      assert.equal(owners.value("PRAGMA busy_timeout"), TIMEOUT);
      way();
      assert.equal(owners.value("PRAGMA busy_timeout"), TIMEOUT);
    }
    db.close();
    owners.close();
  }),
);

test(
  "what writes first in a deferred transaction waits as long as before",
  staged(({ db, other }) => {
    const several = () =>
      db.exec("INSERT INTO t VALUES (9); INSERT INTO t VALUES (10)");
    for (const way of [...inserting(db), several]) {
      db.exec("BEGIN");
      assert.ok(untilBusy(other, way) >= WAITED, String(way));
      db.exec("ROLLBACK");
      const inside = untilBusy(other, () => db.read(way));
      assert.ok(inside >= WAITED, `${way} inside read()`);
    }
    assert.deepEqual(db.prepare("SELECT count(*) AS n FROM t").get(), { n: 2 });
  }),
);

test(
  "where there is no WAL a transaction waits as long as a statement",
  withDatabase((path) => {
    const options = { busyTimeout: TIMEOUT, heartbeat: false } as const;
    const db = open(path, options);
    db.exec("CREATE TABLE t (a); PRAGMA journal_mode=DELETE");
    const insert = () => db.write(() => db.exec("INSERT INTO t VALUES (1)"));
    insert();
    const other = raw(path);
    const reading = "BEGIN; SELECT a FROM t";
    assert.ok(untilBusy(other, insert, reading) >= WAITED);
    insert();
    const reader = open(path, { ...options, readOnly: true });
    const ways = [
      () => void reader.prepare("SELECT a FROM t").get(),
      () => void reader.prepare("SELECT a AS all_a FROM t").all(),
      () => void [...reader.prepare("SELECT a AS rows_a FROM t").iterate()],
    ];
    for (const way of ways) {
      const read = () => reader.read(way);
      const waited = untilBusy(other, read, "BEGIN EXCLUSIVE");
      assert.ok(waited >= WAITED, String(way));
      read();
    }
    for (const one of [reader, db, other]) one.close();
  }),
);

test(
  "who has read and then writes in a transaction of its own is refused at once",
  withDatabase((path) => {
    // A wait for it would outlast the test.
    const options = { busyTimeout: 3_600_000, onWarning: () => {} };
    const db = open(path, options);
    const other = open(path, options);
    db.exec("CREATE TABLE t (a)");
    const ways = [
      () => db.exec("BEGIN; SELECT a FROM t"),
      () => {
        db.exec("BEGIN");
        db.prepare("SELECT a FROM t").all();
      },
    ];
    for (const begin of ways) {
      for (const way of inserting(db)) {
        begin();
        other.exec("BEGIN IMMEDIATE");
        assert.throws(way, BusyError, `${begin}, ${way}`);
        other.exec("ROLLBACK");
        db.exec("ROLLBACK");
      }
    }
    for (const one of [db, other]) one.close();
  }),
);

test(
  "a try in which SQLite waits beyond the timeout is the last one",
  staged(({ other, folder }) => {
    const path = join(folder, "app.db");
    const connection = openConnection(path);
    const turns = new Turns(
      connection,
      openSettings({ busyTimeout: 50 }),
      path,
    );
    let tries = 0;
    // As SQLite does for ten seconds, whatever the timeout, behind a process that
    // was stopped while it made the -shm, and which nothing shows to be there.
    const attempt = () => {
      tries++;
      connection.exec("PRAGMA busy_timeout=200;BEGIN IMMEDIATE");
    };
    other.exec("BEGIN IMMEDIATE");
    try {
      assert.throws(() => waitSync(turns.wait(attempt)), /database is locked/);
      assert.equal(tries, 1);
    } finally {
      other.exec("ROLLBACK");
      connection.close();
    }
  }),
);
