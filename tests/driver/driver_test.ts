import assert from "node:assert/strict";
import { test } from "node:test";
import { type Database, open } from "../../mod.ts";
import { isBusy, resultCode } from "../../src/driver/result_codes.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";

function inMemory(body: (db: Database) => void): () => void {
  return () => {
    const db = open(":memory:", { onWarning: () => {} });
    try {
      db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
      body(db);
    } finally {
      db.close();
    }
  };
}

test(
  "changes counts the rows of this statement, and rowid is the latest",
  inMemory((db) => {
    const run = (sql: string) => {
      const { changes, lastInsertRowid } = db.prepare(sql).run();
      return [changes, lastInsertRowid];
    };
    assert.deepEqual(run("INSERT INTO t (a) VALUES (1)"), [1, 1]);
    assert.deepEqual(run("INSERT INTO t (a) VALUES (1), (2), (3)"), [3, 4]);
    assert.deepEqual(run("UPDATE t SET a = 5 WHERE id > 2"), [2, 4]);
    assert.deepEqual(run("UPDATE t SET a = 5 WHERE id > 99"), [0, 4]);
    assert.deepEqual(run("DELETE FROM t WHERE id = 1"), [1, 4]);
    assert.deepEqual(run("SELECT * FROM t"), [0, 4]);
    assert.deepEqual(run("DELETE FROM t"), [3, 4]);
    assert.deepEqual(run("PRAGMA user_version"), [0, 4]);
    assert.deepEqual(run("INSERT INTO t (a) VALUES (1), (2)"), [2, 2]);
    assert.deepEqual(run("CREATE TABLE u (a)"), [0, 2]);
    assert.deepEqual(run("INSERT INTO u SELECT a FROM t"), [2, 2]);
    assert.deepEqual(run("CREATE TABLE v AS SELECT a FROM t"), [0, 2]);
    assert.deepEqual(run("REPLACE INTO t (id, a) VALUES (2, 7)"), [1, 2]);
    assert.deepEqual(run("DROP TABLE u"), [0, 2]);
    assert.deepEqual(run("PRAGMA user_version = 3"), [0, 2]);
    assert.deepEqual(run("VACUUM"), [0, 2]);
  }),
);

test(
  "a COMMIT that fails after the rows of RETURNING is heard",
  inMemory((db) => {
    db.exec(
      "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child " +
        "(id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    );
    const insert = db.prepare("INSERT INTO child VALUES (?) RETURNING id");
    const ways = [
      () => insert.get(1),
      () => insert.all(1),
      () => [...insert.iterate(1)],
      () => insert.run(1),
      () => db.write(() => insert.get(1)),
    ];
    for (const way of ways) assert.throws(way, /FOREIGN KEY/);
    db.exec("INSERT INTO parent VALUES (1)");
    assert.deepEqual(insert.get(1), { id: 1 });
    assert.equal(db.prepare("SELECT * FROM child").all().length, 1);
  }),
);

test(
  "changes counts what WITH, RETURNING and comments stand around",
  inMemory((db) => {
    const changes = (sql: string) => db.prepare(sql).run().changes;
    const rows = "WITH n(i) AS (VALUES (1), (2), (3)) ";
    assert.equal(changes(`${rows}INSERT INTO t (a) SELECT i FROM n`), 3);
    assert.equal(changes(`${rows}SELECT * FROM n`), 0);
    assert.equal(changes("INSERT INTO t (a) VALUES (1), (2) RETURNING id"), 2);
    assert.equal(changes("UPDATE t SET a = 0 RETURNING a"), 5);
    assert.equal(changes("UPDATE t SET a = 0 WHERE id = 99 RETURNING a"), 0);
    assert.equal(changes("-- all\n/* of */ DELETE FROM t"), 5);
    assert.equal(changes("INSERT OR IGNORE INTO t (id) VALUES (1)"), 1);
    assert.equal(changes("INSERT OR IGNORE INTO t (id) VALUES (1)"), 0);
    assert.equal(changes("SELECT 'insert', 'returning' FROM t"), 0);
    assert.equal(changes("EXPLAIN DELETE FROM t"), 0);
  }),
);

test(
  "SQL without a statement is run as any other, and does nothing",
  inMemory((db) => {
    for (
      const sql of ["", " ;\n", "-- a comment", "/* one */ -- and another\n"]
    ) {
      db.exec(sql);
      db.write(() => db.exec(sql));
    }
    assert.throws(() => db.exec("-- a comment\nnonsense"), /syntax error/);
  }),
);

test(
  "what EXPLAIN tells leaves the connection free for writes, and others too",
  withDatabase((path) => {
    const db = open(path, { onWarning: () => {} });
    db.exec("CREATE TABLE t (a); CREATE TABLE u (a)");
    const queries = [
      "EXPLAIN SELECT * FROM t",
      "/* why */ explain query plan SELECT * FROM t WHERE a > ?",
    ];
    const statements = queries.map((sql) => db.prepare(sql));
    for (const statement of statements) {
      assert.ok(statement.all().length > 0);
      assert.ok(statement.get());
      assert.equal(statement.run().changes, 0);
      db.write(() => db.exec("INSERT INTO t VALUES (1)"));
      db.exec("DROP TABLE u; CREATE TABLE u (a)");
      const other = open(path, { busyTimeout: 100, onWarning: () => {} });
      other.write(() => other.exec("INSERT INTO t VALUES (2)"));
      other.close();
    }
    db.close();
  }),
);

test(
  "long rules and many comments before a statement cost no more than it",
  inMemory((db) => {
    const remarks = `${"-".repeat(200)}\n${"/* one * / */ ".repeat(200)}`;
    const sql = `${remarks}INSERT INTO t (a) VALUES (1)`;
    // Bun gives up a pattern after two seconds; so often, that is for ever.
    for (let i = 0; i < 1000; i++) db.exec(sql);
    assert.equal(db.prepare(sql).run().changes, 1);
    assert.equal(db.prepare(`${remarks}SELECT a FROM t`).all().length, 1001);
    assert.throws(() => db.write(() => db.exec(`${remarks}COMMIT`)));
  }),
);

test(
  "a long value with SQL in it costs no more than it",
  inMemory((db) => {
    const text = "insert a ".repeat(100_000);
    // A pattern took a minute; Bun gives one up after two seconds.
    for (let i = 0; i < 60; i++) {
      db.prepare(`INSERT INTO t (a) VALUES ('${text}${i}')`).run();
    }
    const same = `SELECT count(DISTINCT a) AS n FROM t WHERE a > '${text}'`;
    assert.deepEqual(db.prepare(same).get(), { n: 60 });
    const returning = `INSERT INTO t (a) VALUES ('${text}') RETURNING id`;
    assert.deepEqual(db.prepare(returning).get(), { id: 61 });
    assert.equal(db.prepare(returning).run().changes, 1);
  }),
);

test(
  "changes leaves out what triggers do",
  inMemory((db) => {
    db.exec(`CREATE TABLE log (a);
      CREATE TRIGGER noted AFTER INSERT ON t BEGIN
        INSERT INTO log VALUES (new.a), (new.a);
      END`);
    const insert = db.prepare("INSERT INTO t (id, a) VALUES (7, 1)");
    assert.deepEqual(insert.run(), { changes: 1, lastInsertRowid: 7 });
    assert.deepEqual(db.prepare("SELECT count(*) AS n FROM log").get(), {
      n: 2,
    });
  }),
);

test(
  "a huge rowid is exact",
  inMemory((db) => {
    const insert = db.prepare("INSERT INTO t (id) VALUES (?)");
    for (const id of [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), -5n]) {
      const { lastInsertRowid } = insert.run(id);
      assert.equal(BigInt(lastInsertRowid), id);
      assert.equal(typeof lastInsertRowid === "bigint", id !== -5n);
    }
  }),
);

/** The error of a body that must fail. */
function errorOf(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return assert.fail("it must fail");
}

test(
  "busy is known in every shape of error",
  withDatabase((path) => {
    const holder = openConnection(path);
    holder.exec("PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
    const waiter = openConnection(path);
    waiter.exec("PRAGMA busy_timeout=0");
    const insert = waiter.prepare("INSERT INTO t VALUES (1)");
    holder.exec("BEGIN IMMEDIATE");
    const shapes = [
      errorOf(() => waiter.exec("BEGIN IMMEDIATE")),
      errorOf(() => insert.run([])),
      errorOf(() => insert.get([])),
      errorOf(() => insert.all([])),
      errorOf(() => [...insert.iterate([])]),
    ];
    for (const error of shapes) {
      assert.equal(resultCode(error), 5);
      assert.ok(isBusy(error));
    }
    holder.exec("COMMIT");
    for (const connection of [holder, waiter]) connection.close();
  }),
);

test(
  "a stale snapshot is busy of another kind, at once",
  withDatabase((path) => {
    const connection = openConnection(path);
    connection.exec("PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
    connection.exec("PRAGMA busy_timeout=20000; BEGIN");
    connection.prepare("SELECT * FROM t").all([]);
    elsewhere(path, "INSERT INTO t VALUES (1)");
    const insert = connection.prepare("INSERT INTO t VALUES (2)");
    const error = errorOf(() => insert.run([]));
    assert.equal(resultCode(error), 517);
    assert.ok(isBusy(error));
    assert.ok(isBusy(errorOf(() => connection.exec("DELETE FROM t"))));
    connection.close();
  }),
);

test(
  "what is not busy is not taken for it",
  withDatabase((path) => {
    const connection = openConnection(path);
    connection.exec("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)");
    const failures = [
      errorOf(() => connection.exec("INSERT INTO t VALUES (1)")),
      errorOf(() => connection.exec("SELECT nonsense")),
      errorOf(() => connection.prepare("INSERT INTO t VALUES (1)").run([])),
      // SQLITE_LOCKED: a bug of our own process, not contention.
      Object.assign(new Error("database table is locked"), {
        code: "ERR_SQLITE_ERROR",
      }),
      new Error("database is locked"),
      "database is locked",
      null,
    ];
    for (const error of failures) {
      assert.ok(!isBusy(error), String(error));
    }
    connection.close();
  }),
);

test(
  "an error ends iterate() as an error, not as the last row",
  inMemory((db) => {
    const sql = "SELECT json(value) AS v FROM json_each('[1, \"{\"]')";
    assert.throws(() => [...db.prepare(sql).iterate()], /malformed JSON/);
    db.exec("INSERT INTO t (id) VALUES (1)");
    const insert = db.prepare("INSERT INTO t (id) VALUES (1)");
    assert.throws(() => [...insert.iterate()], /UNIQUE/);
  }),
);

test(
  "busy of better-sqlite3 is known by its name",
  { skip: withoutPackages },
  withDatabase(async (path) => {
    // Two SQLite libraries in one process do not see each other's locks.
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    await other.ask({ do: "exec", sql: "CREATE TABLE t (a)" });
    const Better = load("better-sqlite3");
    const better = new Better(path);
    better.exec("PRAGMA busy_timeout=0; BEGIN");
    better.prepare("SELECT count(*) FROM t").get();
    await other.ask({ do: "exec", sql: "INSERT INTO t VALUES (1)" });
    const stale = errorOf(() => better.exec("INSERT INTO t VALUES (1)"));
    assert.equal(resultCode(stale), 517);
    better.exec("ROLLBACK");
    await other.ask({ do: "hold" });
    const busy = errorOf(() => better.exec("BEGIN IMMEDIATE"));
    assert.equal(resultCode(busy), 5);
    better.close();
  }),
);

test(
  "a closed connection lets the file go, whatever was prepared",
  withDatabase((path) => {
    const connection = openConnection(path);
    connection.exec("PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
    connection.exec("INSERT INTO t VALUES (1), (2)");
    const statement = connection.prepare("SELECT a FROM t");
    const rows = statement.iterate([]);
    rows.next(); // a read that has not come to its end
    connection.close();
    connection.close();
    elsewhere(path, "PRAGMA journal_mode=DELETE"); // needs the file alone
  }),
);
