import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { BusyError, type Database, open } from "../../mod.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { query } from "../fixtures/folder.ts";
import { until } from "../fixtures/until.ts";
import { found, insert, withTable } from "./fixtures/table.ts";

test(
  "a write inside another handle's write fails at once",
  withTable((db, path) => {
    const other = open(path, { busyTimeout: 20_000 });
    db.write(() => {
      insert(db, 1);
      assert.throws(() => other.write(() => insert(other, 2)), (error) => {
        assert.ok(error instanceof BusyError);
        assert.match(error.message, /another handle of this thread/);
        assert.deepEqual(error.writers, [process.pid]);
        assert.ok(error.waitedMs < 20_000);
        return true;
      });
      const now = other.prepare("PRAGMA busy_timeout").get();
      assert.equal(now?.["timeout"], 20_000);
    });
    other.write(() => insert(other, 3));
    other.close();
    assert.equal(found(path), "1,3");
  }),
);

test(
  "an async write waits for another handle's write",
  withTable(async (db, path) => {
    const other = open(path);
    let writing: Promise<void> | undefined;
    db.write(() => {
      writing = other.writeAsync(() => insert(other, 2));
      insert(db, 1);
    });
    await writing;
    other.close();
    assert.equal(found(path), "1,2");
  }),
);

for (const end of ["COMMIT", "ROLLBACK", "END TRANSACTION"]) {
  test(
    `a ${end} of the body's own is refused, and nothing runs after it`,
    withTable((db, path) => {
      const own = {
        code: "LITELATCH_CLOSED",
        message: /the body has ended it with a COMMIT or ROLLBACK of its own/,
      };
      const statement = db.prepare(end);
      const commented = db.prepare(`/* done */ -- so\n${end}`);
      const ends = [
        () => db.exec(end),
        () => statement.run(),
        () => statement.get(),
        () => statement.all(),
        () => commented.run(),
      ];
      for (const [i, run] of ends.entries()) {
        assert.throws(() =>
          db.write(() => {
            insert(db, i);
            assert.throws(run, own);
            insert(db, 9); // would be committed by itself
          }), own);
        assert.throws(() => db.write(() => db.write(run)), own);
        assert.throws(() => db.read(run), own);
      }
      assert.equal(found(path), end === "ROLLBACK" ? "" : "0,1,2,3,4");
      db.write(() => insert(db, 5));
      assert.match(found(path), /5$/);
    }),
  );
}

test(
  "a BEGIN after it in the same text is no way on, and what it began is undone",
  withTable((db, path) => {
    assert.throws(() =>
      db.write(() => {
        insert(db, 1);
        db.exec("COMMIT; BEGIN; INSERT INTO t VALUES (2)");
      }), { code: "LITELATCH_CLOSED" });
    assert.equal(found(path), "1");
  }),
);

test(
  "where a body has taken our savepoint away, all is undone",
  withTable((db, path) => {
    assert.throws(() =>
      db.write(() => {
        insert(db, 1);
        assert.throws(() =>
          db.write(() => {
            insert(db, 2);
            db.exec("RELEASE litelatch_1");
          })
        );
      }), { code: "LITELATCH_CLOSED" });
    assert.equal(found(path), "");
  }),
);

test(
  "a COMMIT on the driver's object is not taken for a rollback of SQLite's",
  withTable(async (db, path) => {
    const own = {
      code: "LITELATCH_CLOSED",
      message: /the body has ended it with a COMMIT or ROLLBACK of its own/,
    };
    const commit = ({ native }: Database) => {
      (native as { exec(sql: string): void }).exec("COMMIT");
    };
    await assert.rejects(
      db.writeAsync(async (tx) => {
        insert(tx, 1);
        await commit(tx);
      }),
      own,
    );
    assert.throws(() =>
      db.write(() => {
        insert(db, 2);
        commit(db);
      }), own);
    assert.equal(found(path), "1,2");
  }),
);

test(
  "a loop over rows whose handle is closed ends by its own words, or with its rows",
  withTable((db) => {
    insert(db, 1);
    insert(db, 2);
    const rows = db.prepare("SELECT * FROM t").iterate();
    rows.next();
    db.close();
    try {
      // Deno has them all by now.
      assert.equal(rows.next().done, false);
    } catch (error) {
      assert.match(String(error), /this handle was closed/);
    }
  }),
);

test(
  "what fails is undone, also where nobody can say why",
  withTable(async (db, path) => {
    db.close();
    const explain = () => {
      throw new Error("EIO");
    };
    const lease = { attach: () => ({ explain }) };
    const mute = open(path, { lease });
    const fail = (db: Database) => {
      insert(db, 1);
      db.exec("no SQL");
    };
    const isThat = { message: "EIO" };
    let inner: Promise<void> | undefined;
    const failAround = () => {
      inner = mute.writeAsync(() => insert(mute, 2));
      fail(mute);
    };
    assert.throws(() => mute.write(failAround), isThat);
    assert.ok(inner);
    await assert.rejects(inner, /was rolled back/);
    // deno-lint-ignore require-await -- It runs on a connection of its own.
    await assert.rejects(mute.writeAsync(async (db) => fail(db)), isThat);
    mute.write(() => {
      assert.throws(() => mute.write(fail), isThat);
      insert(mute, 3);
    });
    mute.close();
    assert.equal(found(path), "3");
  }),
);

test(
  "a writeAsync() inside a nested write that is undone is not kept",
  withTable(async (db, path) => {
    let next = 1;
    const undone: Promise<string>[] = [];
    const kept: Promise<string>[] = [];
    let done: Promise<unknown> | undefined;
    const around = (db: Database) => {
      insert(db, next++);
      const before = db.writeAsync(() => insert(db, next++));
      kept.push(before.then(() => "kept", String));
      assert.throws(() =>
        db.write(() => {
          db.write(() => {
            const inner = db.writeAsync(() => insert(db, 100));
            undone.push(inner.then(() => "kept", String));
          });
          throw new Error("undone");
        }), /undone/);
      db.write(() => {
        done = db.writeAsync(() => insert(db, next++));
      });
    };
    db.write(around);
    await done;
    await db.writeAsync(around);
    await done;
    await db.writeAsync(async (db) => {
      around(db);
      await done;
    });
    assert.equal(undone.length, 3);
    for (const one of undone) assert.match(await one, /was rolled back/);
    assert.deepEqual(await Promise.all(kept), ["kept", "kept", "kept"]);
    assert.equal(found(path), "1,2,3,4,5,6,7,8,9");
  }),
);

test(
  "a ROLLBACK on the driver's object inside a nested write is named as that",
  withTable((db, path) => {
    const { native } = db as { native: { exec(sql: string): void } };
    const nested = () =>
      db.write(() => {
        insert(db, 1);
        native.exec("ROLLBACK");
      });
    const own = {
      code: "LITELATCH_CLOSED",
      message: /the body has ended it with a COMMIT or ROLLBACK of its own/,
    };
    assert.throws(() =>
      db.write(() => {
        assert.throws(nested, own);
        insert(db, 2); // would be committed by itself
      }), own);
    assert.throws(() => db.write(nested), own);
    assert.equal(found(path), "");
    db.write(() => db.write(() => insert(db, 3)));
    assert.equal(found(path), "3");
  }),
);

/** SQL, and whether it ends the transaction that it is run in. */
const TEXTS: [sql: string, ends: boolean][] = [
  ["COMMIT", true],
  [";; commit transaction", true],
  ["/* c */ COMMIT", true],
  ["/* c *//* ; */COMMIT", true],
  ["-- c\nCOMMIT", true],
  ["-- c\r\n\tCOMMIT", true],
  ["END", true],
  ["INSERT INTO t VALUES (2);END", true],
  ["INSERT INTO t VALUES (2); -- c\n /* c */ ROLLBACK", true],
  ["ROLLBACK TO a; COMMIT", true],
  ["ROLLBACK TO a", false],
  ["rollback transaction to savepoint a", false],
  ["INSERT INTO t VALUES (2); ROLLBACK\nTO a", false],
  ["INSERT INTO t VALUES ('; COMMIT')", false],
  ["INSERT INTO t VALUES ('\nEND')", false],
  ["INSERT INTO t VALUES (2) -- ; COMMIT", false],
  ["/* ; ROLLBACK */ INSERT INTO t VALUES (2)", false],
  ["-- COMMIT\nINSERT INTO t VALUES (2)", false],
  ["INSERT INTO t SELECT CASE 1 WHEN 1 THEN 2 END", false],
  ["UPDATE t SET a = CASE a\nWHEN 1 THEN 2\nEND; ROLLBACK TO a", false],
];

for (const [sql, ends] of TEXTS) {
  test(
    `${JSON.stringify(sql)} in a write ${ends ? "is" : "is not"} its end`,
    withTable((db, path) => {
      const body = () => {
        db.exec("SAVEPOINT a");
        insert(db, 1);
        const run = () => db.exec(sql);
        if (ends) assert.throws(run, /the body has ended it/);
        else run();
        insert(db, 3);
      };
      if (ends) assert.throws(() => db.write(body), /the body has ended it/);
      else db.write(body);
      const after = query(path, "SELECT count(*) FROM t WHERE a = 3");
      assert.equal(after, ends ? "0" : "1");
    }),
  );
}

test(
  "an end and a new beginning are noticed where what follows them fails",
  withTable((db, path) => {
    const own = { code: "LITELATCH_CLOSED", message: /the body has ended it/ };
    const [fails, quiet] = ["no SQL", "CREATE TABLE t (a)"];
    let n = 0;
    const kept: number[] = [];
    for (const end of ["COMMIT", "ROLLBACK", "END"]) {
      for (const text of [`BEGIN; ${fails}`, `BEGIN; ${quiet}`, fails]) {
        const body = () => {
          insert(db, ++n);
          assert.throws(() => db.exec(`${end}; ${text}`), own);
          assert.throws(() => insert(db, 1000), own);
        };
        const isKept = end !== "ROLLBACK";
        assert.throws(() => db.write(body), own);
        if (isKept) kept.push(n);
        assert.throws(() => db.write(() => db.write(body)), own);
        if (isKept) kept.push(n);
      }
    }
    assert.equal(found(path), kept.join());
    db.write(() => insert(db, 2000));
    assert.equal(found(path), [...kept, 2000].join());
  }),
);

test(
  "a COMMIT that fails in a body leaves its transaction as it is",
  withTable((db, path) => {
    db.exec(
      "CREATE TABLE u (a REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)",
    );
    db.write(() => {
      db.exec("INSERT INTO u VALUES (1)");
      assert.throws(() => db.exec("COMMIT"), /FOREIGN KEY/);
      insert(db, 1);
    });
    assert.equal(found(path), "1");
  }),
);

test(
  "many statements, comments and semicolons are looked through once",
  withTable((db, path) => {
    const many = [
      `SELECT 1;\n${"-- INSERT INTO t VALUES (1, 2, 3);\n".repeat(20_000)}`,
      ";".repeat(200_000),
      "/* ; */ ; ".repeat(50_000),
    ];
    // One of them took minutes; Bun gives up a pattern after two seconds.
    for (let i = 0; i < 50; i++) {
      for (const text of many) db.exec(`${text} SELECT 2`);
    }
    for (const text of many) {
      const commit = () => db.exec(`${text} /* c */ COMMIT`);
      assert.throws(() => db.write(commit), /the body has ended it/);
    }
    db.write(() => insert(db, 1));
    assert.equal(found(path), "1");
  }),
);

/** Whether others can write just now. */
function isFree(path: string): boolean {
  const other = openConnection(path);
  try {
    other.exec("PRAGMA busy_timeout=0; BEGIN IMMEDIATE; ROLLBACK");
    return true;
  } catch {
    return false;
  } finally {
    other.close();
  }
}

for (const way of ["write", "read"] as const) {
  test(
    `a stack that overflows in a row of ${way}s leaves none of them open`,
    withTable(async (db, path) => {
      const sql = way === "write" ? "INSERT INTO t VALUES (NULL)" : "SELECT 1";
      const deeper = (): void => {
        db[way](() => db.prepare(sql).run());
        deeper();
      };
      // So that it overflows at other places each time.
      const after = (calls: number): void =>
        calls > 0 ? after(calls - 1) : deeper();
      for (let i = 1; i <= 6; i++) {
        assert.throws(() => after(3 * i), RangeError);
        const next = db.prepare("INSERT INTO t VALUES (?)");
        if (i % 2 === 0) next.run(i);
        else db.write(() => next.run(i));
        const of = `SELECT count(*) FROM t WHERE a = ${i}`;
        assert.equal(query(path, of), "1", `the row of round ${i} is gone`);
        assert.ok(isFree(path), `round ${i} keeps others from writing`);
      }
      // Nor does it stay where nobody calls any more.
      assert.throws(deeper, RangeError);
      await until("the heartbeat ends it", () => isFree(path));
    }, { heartbeat: 20 }),
  );
}
