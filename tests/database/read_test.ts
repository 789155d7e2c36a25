import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyError, type Database, open } from "../../mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";

function withTable(
  body: (db: Database, path: string) => void,
): () => Promise<void> {
  return withDatabase((path) => {
    const db = open(path, { onWarning: () => {} });
    try {
      db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
      body(db, path);
    } finally {
      db.close();
    }
  });
}

function count(db: Database): unknown {
  return db.prepare("SELECT count(*) AS n FROM t").get()?.["n"];
}

test(
  "read() sees one snapshot while another process commits",
  withTable((db, path) => {
    const seen = db.read((same) => {
      assert.equal(same, db);
      const before = count(db);
      elsewhere(path, "INSERT INTO t VALUES (2)");
      assert.equal(query(path, "SELECT count(*) FROM t"), "2");
      return [before, count(db), db.read(() => count(db))];
    });
    assert.deepEqual(seen, [1, 1, 1]);
    assert.equal(count(db), 2);
  }),
);

test(
  "a write inside read() is named, and does not run",
  withTable((db, path) => {
    let runs = 0;
    const named = {
      code: "LITELATCH_BUSY",
      message: /inside read\(\).*begin with write\(\)/,
    };
    assert.throws(() => db.read(() => db.write(() => runs++)), named);
    assert.equal(runs, 0);
    db.write(() => db.exec("INSERT INTO t VALUES (2)"));
    assert.equal(query(path, "SELECT count(*) FROM t"), "2");
  }),
);

test(
  "writeAsync inside read() is refused as well",
  withDatabase(async (path) => {
    const db = open(path, { onWarning: () => {} });
    let writing: Promise<void> | undefined;
    db.read(() => {
      writing = db.writeAsync(() => {});
    });
    await assert.rejects(writing as Promise<void>, { code: "LITELATCH_BUSY" });
    db.close();
  }),
);

test(
  "a plain statement that writes on a stale snapshot is named at once",
  withTable((db, path) => {
    const insert = db.prepare("INSERT INTO t VALUES (3)");
    for (const write of [() => insert.run(), () => db.exec("DELETE FROM t")]) {
      assert.throws(() =>
        db.read(() => {
          count(db);
          elsewhere(path, "INSERT INTO t VALUES (2)");
          write();
        }), (error: unknown) => {
        assert.ok(error instanceof BusyError, String(error));
        assert.match(
          error.message,
          /another connection has (probably )?committed since/,
        );
        assert.match(error.message, /begin with write\(\) instead of read\(\)/);
        return true;
      });
    }
    assert.equal(query(path, "SELECT count(*) FROM t"), "3");
  }),
);

test(
  "read() inside write() sees what was written",
  withTable((db) => {
    db.write(() => {
      db.exec("INSERT INTO t VALUES (2)");
      assert.equal(db.read(() => count(db)), 2);
      db.write(() => db.exec("INSERT INTO t VALUES (3)"));
    });
    assert.equal(count(db), 3);
  }),
);

test(
  "a read() that throws is over, and its error is the one thrown",
  withTable((db, path) => {
    const error = new Error("on purpose");
    assert.throws(() =>
      db.read(() => {
        count(db);
        throw error;
      }), (thrown) => thrown === error);
    elsewhere(path, "INSERT INTO t VALUES (2)");
    assert.equal(count(db), 2);
  }),
);

const noShell = SQLITE3 === undefined && "needs sqlite3";

test(
  "a loop over rows that was refused as busy leaves nothing behind",
  { skip: noShell },
  withDatabase(async (path) => {
    const db = open(path, { busyTimeout: 50 });
    db.exec("CREATE TABLE t (a)");
    const { run } = startSqlite3(path);
    await run("BEGIN IMMEDIATE");
    const insert = "INSERT INTO t VALUES (1)";
    assert.throws(() => [...db.prepare(insert).iterate()], BusyError);
    await run("COMMIT");
    db.prepare(insert).run();
    assert.equal(query(path, "SELECT count(*) FROM t"), "1");
    db.write(() => db.exec(insert));
    assert.equal(query(path, "SELECT count(*) FROM t"), "2");
    db.close();
  }),
);

test(
  "poll() and onChange() are busy by our error",
  { skip: noShell },
  withDatabase(async (path) => {
    const { run } = startSqlite3(path);
    await run("CREATE TABLE t (a)");
    const db = open(path, { busyTimeout: 50, readOnly: true, lock: "none" });
    await run("BEGIN EXCLUSIVE");
    assert.throws(() => db.poll(), BusyError);
    assert.throws(() => db.onChange(() => {}), BusyError);
    await run("COMMIT");
    assert.equal(db.poll(), "unchanged");
    db.close();
  }),
);
