import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyError, type Database, LitelatchError, open } from "../../mod.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { query } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { found, insert, withTable } from "./fixtures/table.ts";

function timeoutOf(db: Database): unknown {
  return db.prepare("PRAGMA busy_timeout").get()?.["timeout"];
}

test(
  "what the body writes is there, and what it returns is returned",
  withTable((db, path) => {
    const result = { any: "thing" };
    const given = db.write((same) => {
      assert.equal(same, db);
      insert(db, 1);
      assert.equal(found(path), "");
      insert(db, 2);
      return result;
    });
    assert.equal(given, result);
    assert.equal(found(path), "1,2");
  }),
);

test(
  "a body that throws leaves nothing, and its error is the one thrown",
  withTable((db, path) => {
    for (const words of ["on purpose", "database is locked, says the app"]) {
      const error = new Error(words);
      assert.throws(() =>
        db.write(() => {
          insert(db, 1);
          throw error;
        }), (thrown) => thrown === error);
      assert.equal(found(path), "");
    }
    db.write(() => insert(db, 2));
    assert.equal(found(path), "2");
  }),
);

test(
  "a nested write that throws rolls back alone",
  withTable((db, path) => {
    db.write(() => {
      insert(db, 1);
      assert.throws(() =>
        db.write(() => {
          insert(db, 2);
          db.write(() => insert(db, 3));
          throw new Error("inner");
        }), /inner/);
      db.write(() => {
        insert(db, 4);
        assert.throws(() => db.write(() => insert(db, 4)), /UNIQUE/);
      });
    });
    assert.equal(found(path), "1,4");
  }),
);

test(
  "a nested write goes with the outer one",
  withTable((db, path) => {
    assert.throws(() =>
      db.write(() => {
        db.write(() => insert(db, 1));
        throw new Error("outer");
      }), /outer/);
    assert.equal(found(path), "");
  }),
);

test(
  "an async body is refused before it starts",
  withTable(async (db, path) => {
    const expected = {
      name: "TypeError",
      message: /must not return a promise/,
    };
    let started = 0;
    const body = async () => {
      started++;
      insert(db, 1);
      await null;
      insert(db, 2); // would be a transaction of its own
    };
    assert.throws(() => db.write(body), expected);
    assert.throws(() => db.read(body), expected);
    let inside: Promise<void> | undefined;
    db.write(() => void (inside = db.writeAsync(body)));
    await assert.rejects(inside ?? Promise.resolve(), expected);
    assert.throws(() => db.write(() => db.write(body)), expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(started, 0);
    assert.equal(found(path), "");
  }),
);

test(
  "a body that returns a promise or a generator is refused, and nothing is written",
  withTable(async (db, path) => {
    const expected = {
      name: "TypeError",
      message: /must not return a promise/,
    };
    const promises: (() => unknown)[] = [
      () => Promise.resolve(),
      () => Promise.reject(new Error("nobody listens")),
      () => ({ then: () => {} }),
      // What these would do comes after the end, or never.
      () => (function* () {})(),
      () => (async function* () {})(),
      () => db.prepare("SELECT a FROM t").iterate(),
    ];
    for (const promise of promises) {
      const body = () => {
        insert(db, 1);
        return promise();
      };
      assert.throws(() => db.write(body), expected);
      await assert.rejects(db.writeAsync(body), expected);
      assert.throws(() => db.write(() => db.write(body)), expected);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(found(path), "");
    db.write(() => insert(db, 5));
    assert.equal(found(path), "5");
  }),
);

test(
  "what is no function is refused",
  withTable((db) => {
    for (const body of [undefined, null, 5, "BEGIN"]) {
      assert.throws(
        () => db.write(body as unknown as () => void),
        { name: "TypeError", message: /the body must be a function, got/ },
      );
    }
  }),
);

test(
  "a write waits for another process, and then its body runs once",
  withTable(async (db, path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    await other.ask({ do: "hold", ms: 100 });
    let runs = 0;
    db.write(() => {
      runs++;
      insert(db, 1);
    });
    assert.equal(runs, 1);
    assert.equal(found(path), "1");
    assert.equal(timeoutOf(db), 20_000);
  }, { busyTimeout: 20_000 }),
);

const SHORT = { busyTimeout: 60 };

/** Checks an error that names `pid` as the one who holds the write lock. */
function isBusyBecauseOf(pid: number, waited: number) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof BusyError, String(error));
    assert.equal(error.code, "LITELATCH_BUSY");
    assert.ok(error.waitedMs >= waited, `${error.waitedMs}`);
    assert.deepEqual(error.writers, [pid]);
    assert.match(error.message, new RegExp(`held by PID ${pid}\\b`));
    assert.match(error.message, /nothing was written/);
    return true;
  };
}

test(
  "when the deadline passes the error names who holds the write lock",
  { skip: needs("/proc") },
  withTable(async (db, path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path, options: { app: "the-other-app" } });
    await other.ask({ do: "hold" });
    const expected = isBusyBecauseOf(other.pid, 60);
    let runs = 0;
    const body = () => void runs++;
    assert.throws(() => db.write(body), expected);
    assert.equal(timeoutOf(db), 60);
    assert.throws(() => db.write(body), /the-other-app/);
    await assert.rejects(db.writeAsync(body), expected);
    assert.equal(timeoutOf(db), 60);
    assert.throws(() => db.exec("DELETE FROM t"), expected);
    assert.throws(() => insert(db, 1), expected);
    assert.equal(runs, 0);
    await other.ask({ do: "exec", sql: "COMMIT" });
    db.write(() => insert(db, 2));
    assert.equal(found(path), "2");
  }, SHORT),
);

test(
  "a holder that is killed lets the write lock go",
  withTable(async (db, path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    await other.ask({ do: "hold", sql: "BEGIN IMMEDIATE; DELETE FROM t" });
    assert.throws(() => db.write(() => {}), BusyError);
    other.kill("SIGKILL");
    await other.ended;
    db.write(() => insert(db, 1));
    assert.equal(found(path), "1");
  }, SHORT),
);

test(
  "an error that made SQLite roll back cannot be swallowed",
  withTable((db, path) => {
    insert(db, 1);
    const swallow = () => {
      insert(db, 2);
      try {
        db.exec("INSERT OR ROLLBACK INTO t VALUES (1)");
      } catch {
        // as if nothing had happened
      }
    };
    const over = { code: "LITELATCH_CLOSED", message: /SQLite rolled it back/ };
    for (
      const body of [
        swallow,
        () => {
          swallow();
          insert(db, 3); // alone it would be committed by itself
        },
        () => {
          swallow();
          db.exec("INSERT INTO t VALUES (3)");
        },
        () => {
          swallow();
          db.write(() => insert(db, 3));
        },
        () => db.write(swallow),
        () => {
          try {
            db.write(swallow);
          } catch {
            insert(db, 3);
          }
        },
      ]
    ) {
      assert.throws(() => db.write(body), over, String(body));
      assert.equal(found(path), "1", String(body));
    }
    db.write(() => insert(db, 9));
    assert.equal(found(path), "1,9");
  }),
);

test(
  "a full database leaves all of a write or nothing",
  withTable((db, path) => {
    db.exec("PRAGMA max_page_count = 20; CREATE TABLE big (b)");
    const fill = "INSERT INTO big VALUES (zeroblob(200000))";
    assert.throws(() =>
      db.write(() => {
        insert(db, 1);
        db.exec(fill);
      }), /full/);
    assert.equal(found(path), "");
    let returned = false;
    try {
      db.write(() => {
        insert(db, 1);
        assert.throws(() => db.exec(fill), /full/);
        insert(db, 2);
      });
      returned = true;
    } catch (error) {
      assert.ok(error instanceof LitelatchError, String(error));
    }
    assert.equal(found(path), returned ? "1,2" : "");
    insert(db, 7);
    assert.equal(found(path), returned ? "1,2,7" : "7");
  }),
);

test(
  "close() inside a body leaves nothing",
  withTable((db, path) => {
    const closed = { code: "LITELATCH_CLOSED", message: /was closed/ };
    assert.throws(() =>
      db.write(() => {
        insert(db, 1);
        db.close();
      }), closed);
    assert.equal(found(path), "");
    assert.throws(() => db.write(() => {}), closed);
    assert.throws(() => db.read(() => {}), closed);
    assert.throws(() => db.exec("SELECT 1"), closed);
    assert.throws(() => db.prepare("SELECT 1"), closed);
    query(path, "INSERT INTO t VALUES (2)"); // no lock is left
  }),
);

test(
  "a statement of a closed handle is refused",
  withTable(async (db) => {
    const statement = db.prepare("SELECT a FROM t");
    db.close();
    db.close();
    const closed = { code: "LITELATCH_CLOSED" };
    assert.throws(() => statement.run(), closed);
    assert.throws(() => statement.get(), closed);
    assert.throws(() => statement.all(), closed);
    assert.throws(() => [...statement.iterate()], closed);
    assert.throws(() => db.backup("/nowhere"), closed);
    await assert.rejects(db.writeAsync(() => {}), closed);
  }),
);

test(
  "writeAsync lets the event loop go on while it waits",
  withTable(async (db, path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    await other.ask({ do: "hold" });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    let runs = 0;
    const writing = db.writeAsync(() => {
      runs++;
      insert(db, 1);
      return "written";
    });
    // The other process lets go only when this one has gone on living.
    while (ticks < 20) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(runs, 0);
    assert.equal(timeoutOf(db), 20_000); // for whoever uses it meanwhile
    await other.ask({ do: "exec", sql: "COMMIT" });
    assert.equal(await writing, "written");
    clearInterval(timer);
    assert.equal(runs, 1);
    assert.equal(found(path), "1");
    assert.equal(timeoutOf(db), 20_000);
  }, { busyTimeout: 20_000 }),
);

test(
  "an aborted writeAsync ends its wait and writes nothing",
  withTable(async (db, path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    await other.ask({ do: "hold" });
    let runs = 0;
    const body = () => void runs++;
    const reason = new Error("no longer wanted");
    const before = db.writeAsync(body, { signal: AbortSignal.abort(reason) });
    await assert.rejects(before, (error) => error === reason);
    const control = new AbortController();
    const writing = db.writeAsync(body, { signal: control.signal });
    setTimeout(() => control.abort(reason), 20);
    await assert.rejects(writing, (error) => error === reason);
    assert.equal(timeoutOf(db), 20_000);
    await other.ask({ do: "exec", sql: "COMMIT" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(runs, 0);
    query(path, "INSERT INTO t VALUES (3)"); // nothing is left open here
    assert.equal(found(path), "3");
  }, { busyTimeout: 20_000 }),
);

test(
  "close() ends a writeAsync that waits",
  withTable(async (db, path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    await other.ask({ do: "hold" });
    const writing = db.writeAsync(() => insert(db, 1));
    setTimeout(() => db.close(), 10);
    await assert.rejects(writing, { code: "LITELATCH_CLOSED" });
  }, { busyTimeout: 20_000 }),
);

test(
  "writes of one handle take turns, whatever their kind",
  withTable(async (db, path) => {
    const writing: Promise<void>[] = [];
    for (let i = 0; i < 20; i++) {
      writing.push(db.writeAsync(() => insert(db, i)));
      db.write(() => insert(db, i + 100));
    }
    await Promise.all(writing);
    assert.equal(query(path, "SELECT count(*) FROM t"), "40");
  }),
);

test(
  "a read-only handle writes nothing, and is not left in a transaction",
  withTable((_db, path) => {
    const readOnly = { onWarning: () => {}, readOnly: true };
    const reader = open(path, readOnly);
    assert.throws(
      () => reader.write(() => insert(reader, 1)),
      /readonly|read-only/,
    );
    assert.equal(reader.prepare("SELECT count(*) AS n FROM t").get()?.["n"], 0);
    query(path, "INSERT INTO t VALUES (1)");
    assert.equal(reader.prepare("SELECT count(*) AS n FROM t").get()?.["n"], 1);
    reader.close();
  }),
);
