import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { symlinkSync, unlinkSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  adopt,
  BusyError,
  type Database,
  LitelatchError,
  open,
  UnsupportedError,
} from "../../mod.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { handlesOn } from "../../src/os/shared_state.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { LIVES } from "../fixtures/machine.ts";
import {
  type BetterSqlite3,
  load,
  withoutPackages,
} from "../fixtures/packages.ts";
import { pause, until } from "../fixtures/until.ts";

const ALL = "SELECT group_concat(a) FROM t";

function opened(path: string, options: object = {}): Database {
  const db = open(path, { onWarning: () => {}, ...options });
  db.exec("CREATE TABLE IF NOT EXISTS t (a)");
  return db;
}

function add(db: Database, value: number): void {
  db.prepare("INSERT INTO t VALUES (?)").run(value);
}

/** A body that awaits, and then adds. */
function adding(value: number): (tx: Database) => Promise<void> {
  return async (tx) => {
    await null;
    add(tx, value);
  };
}

/** A promise, and how to settle it. */
function gate(): { passed: Promise<void>; pass: () => void } {
  let pass = (): void => {};
  const passed = new Promise<void>((resolve) => pass = resolve);
  return { passed, pass };
}

for (const kind of ["sync", "async"]) {
  test(
    `a signal ends the wait of thousands of ${kind} bodies that nobody holds up`,
    withDatabase(async (path) => {
      const db = opened(path);
      const controller = new AbortController();
      const { signal } = controller;
      const body = kind === "sync"
        ? () => void db.exec("INSERT INTO t VALUES (1)")
        : async (tx: Database) => await tx.exec("INSERT INTO t VALUES (1)");
      setTimeout(() => controller.abort(), 1);
      const all = await Promise.allSettled(
        Array.from({ length: 5000 }, () => db.writeAsync(body, { signal })),
      );
      const written = all.filter(({ status }) => status === "fulfilled").length;
      assert.ok(written < all.length, "no timer has run before the last one");
      db.close();
      assert.equal(query(path, "SELECT count(*) FROM t"), `${written}`);
    }),
  );
}

test(
  "it commits when the promise settles, and others read meanwhile",
  withDatabase(async (path) => {
    const db = opened(path);
    const { passed, pass } = gate();
    const writing = db.writeAsync(async (tx) => {
      add(tx, 1);
      await passed;
      add(tx, 2);
      return tx.prepare("SELECT count(*) AS n FROM t").get()?.["n"];
    });
    await until("it has begun", () => handlesOn(path)[1]?.writingAt() != null);
    assert.equal(db.prepare(ALL).get()?.["group_concat(a)"], null);
    assert.equal(query(path, ALL), "");
    pass();
    assert.equal(await writing, 2);
    assert.equal(query(path, ALL), "1,2");
    db.close();
  }),
);

test(
  "a body that throws, at once or late, leaves nothing",
  withDatabase(async (path) => {
    const db = opened(path);
    const cause = new RangeError("no");
    for (const late of [false, true]) {
      const failing = db.writeAsync(async (tx) => {
        add(tx, 1);
        if (late) await pause(5);
        throw cause;
      });
      await assert.rejects(failing, (error: unknown) => error === cause);
    }
    assert.equal(query(path, ALL), "");
    await db.writeAsync(async (tx) => {
      await pause(1);
      add(tx, 3);
    });
    assert.equal(query(path, ALL), "3");
    db.close();
  }),
);

test(
  "bodies run one after the other, in the order of the calls",
  withDatabase(async (path) => {
    const db = opened(path, { busyTimeout: 60_000 });
    let inside = 0;
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        db.writeAsync(async (tx) => {
          assert.equal(++inside, 1);
          if (i % 3 === 0) await pause(Math.random());
          else await null;
          add(tx, i);
          inside--;
        })),
    );
    const rows = db.prepare("SELECT a FROM t ORDER BY rowid").all();
    assert.deepEqual(rows.map(({ a }) => a), rows.map((_, i) => i));
    assert.equal(rows.length, 300);
    db.close();
  }),
);

test(
  "each body runs with the AsyncLocalStorage of its own call",
  withDatabase(async (path) => {
    const db = opened(path);
    const storage = new AsyncLocalStorage<number>();
    const seen: unknown[] = [];
    const see = () => void seen.push(storage.getStore());
    const seeTwice = async () => {
      see();
      await null;
      see();
    };
    await Promise.all(
      [1, 2, 3, 4].map((number) =>
        storage.run(number, async () => {
          await Promise.all([db.writeAsync(see), db.writeAsync(seeTwice)]);
          see();
        })
      ),
    );
    assert.deepEqual(seen.sort(), [1, 2, 3, 4].flatMap((n) => [n, n, n, n]));
    db.close();
  }),
);

test(
  "what would wait for it in the same thread is refused at once, by name",
  withDatabase(async (path) => {
    const db = opened(path, { busyTimeout: 600_000 });
    const insert = db.prepare("INSERT INTO t VALUES (1)");
    await db.writeAsync(async (tx) => {
      await null;
      add(tx, 1);
      for (
        const wrong of [
          () => db.write(() => {}),
          () => db.exec("INSERT INTO t VALUES (1)"),
          () => db.exec("INSERT INTO t VALUES (1); SELECT 1"),
          () => insert.run(),
        ]
      ) {
        assert.throws(wrong, (error: unknown) => {
          assert.ok(error instanceof BusyError, String(error));
          assert.match(
            error.message,
            /async body of a writeAsync\(\) .*async_write_test.* use the handle/,
          );
          return true;
        });
      }
      assert.equal(insert.run === undefined, false);
      add(tx, 2);
    });
    assert.equal(query(path, ALL), "1,2");
    insert.run();
    db.write(() => {});
    db.close();
  }),
);

/** Handles whose connection others can use, and what closes it. */
const SHARED: [how: string, open: (path: string) => [Database, () => void]][] =
  [
    ["an adopted handle", (path) => {
      const owned = openConnection(path);
      const db = adopt(owned.native, { busyTimeout: 600_000 });
      return [db, () => owned.close()];
    }],
    ["a handle whose connection was asked for", (path) => {
      const db = open(path, { busyTimeout: 600_000 });
      assert.ok(db.native);
      return [db, () => {}];
    }],
  ];

for (const [how, make] of SHARED) {
  test(
    `so is what would wait on ${how}, whose timeout stays what was asked for`,
    withDatabase(async (path) => {
      const outer = opened(path);
      const [db, close] = make(path);
      const insert = db.prepare("INSERT INTO t VALUES (2)");
      const timeout = () => db.prepare("PRAGMA busy_timeout").get();
      for (const one of [outer, db]) {
        await one.writeAsync(async (tx) => {
          await null;
          add(tx, 1);
          // SQLite would wait for ten minutes in each of them.
          for (
            const wrong of [
              () => db.write(() => {}),
              () => db.exec("INSERT INTO t VALUES (2)"),
              () => db.exec("INSERT INTO t VALUES (2); SELECT 1"),
              () => db.exec("INSERT INTO t VALUES ('busy_timeout')"),
              () => db.read(() => insert.run()),
              () => insert.run(),
            ]
          ) {
            assert.throws(wrong, (error: unknown) => {
              assert.ok(error instanceof BusyError, String(error));
              assert.match(error.message, /writeAsync\(\).*async_write_test/);
              return true;
            });
            assert.deepEqual(timeout(), { timeout: 600_000 });
          }
          add(tx, 3);
        });
        assert.deepEqual(timeout(), { timeout: 600_000 });
      }
      insert.run();
      db.close();
      close();
      outer.close();
      assert.equal(query(path, ALL), "1,3,1,3,2");
    }),
  );
}

for (
  const [form, set] of [
    ["no frames", { stackTraceLimit: 0 }],
    ["frames that are no text", { prepareStackTrace: () => [] }],
  ] as const
) {
  test(
    `it is refused likewise where stacks have ${form}`,
    withDatabase(async (path) => {
      const { stackTraceLimit, prepareStackTrace } = Error;
      const db = opened(path, { busyTimeout: 100 });
      Object.assign(Error, set);
      try {
        await db.writeAsync(async () => {
          await null;
          assert.throws(
            () => db.write(() => {}),
            /the async body of a writeAsync\(\) .* called somewhere, and this/,
          );
          await assert.rejects(
            db.writeAsync(() => {}),
            /In the writeAsync\(\) called somewhere use its own handle/,
          );
        });
      } finally {
        Object.assign(Error, { stackTraceLimit, prepareStackTrace });
      }
      db.close();
    }),
  );
}

test(
  "who awaits the outer handle in a body is told at the deadline where it began",
  withDatabase(async (path) => {
    const db = opened(path, { busyTimeout: 100 });
    for (const inner of [adding(2), () => add(db, 2)]) {
      await db.writeAsync(async (tx) => {
        add(tx, 1);
        const waits = db.writeAsync<unknown>(inner);
        await assert.rejects(waits, (error: unknown) => {
          assert.ok(error instanceof BusyError, String(error));
          assert.match(
            error.message,
            / writeAsync\(\) .*async_write_test.* use its own handle/,
          );
          return true;
        });
      });
    }
    assert.equal(query(path, ALL), "1,1");
    db.close();
  }),
);

test(
  "a write with a body that is not async waits for it, and comes",
  withDatabase(async (path) => {
    const db = opened(path);
    const slow = db.writeAsync(async (tx) => {
      await pause(30);
      add(tx, 1);
    });
    await Promise.all([
      slow,
      db.writeAsync((same) => {
        assert.equal(same, db);
        add(db, 2);
      }),
    ]);
    assert.equal(query(path, ALL), "1,2");
    db.close();
  }),
);

test(
  "signal and busyTimeout end the wait, and never a body",
  withDatabase(async (path) => {
    const db = opened(path, { busyTimeout: 100 });
    const controller = new AbortController();
    const { passed, pass } = gate();
    const { signal } = controller;
    const first = db.writeAsync(async (tx) => {
      await passed;
      add(tx, 1);
    }, { signal });
    const never = (): Promise<void> => Promise.reject(new Error("it ran"));
    const late = db.writeAsync(async () => await never());
    const aborted = db.writeAsync(async () => await never(), { signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(aborted, (error: unknown) => error === reason);
    await assert.rejects(late, (error: unknown) => {
      assert.ok(error instanceof BusyError, String(error));
      assert.ok(error.waitedMs >= 100);
      return true;
    });
    const after = db.writeAsync(async () => await never(), { signal });
    await assert.rejects(after, (error: unknown) => error === reason);
    pass();
    await first;
    // The same while another process writes.
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    await child.ask({ do: "hold" });
    await assert.rejects(
      db.writeAsync(async () => await never()),
      (error: unknown) => {
        assert.ok(error instanceof BusyError, String(error));
        assert.ok(
          LIVES === null || error.message.includes(`PID ${child.pid}`),
          error.message,
        );
        return true;
      },
    );
    await child.ask({ do: "exec", sql: "COMMIT" });
    await db.writeAsync(adding(2));
    assert.equal(query(path, ALL), "1,2");
    db.close();
  }),
);

test(
  "its handle ends with it, also for what was not awaited",
  withDatabase(async (path) => {
    const db = opened(path);
    let late: Promise<void> | undefined;
    let kept: Database | undefined;
    const { passed, pass } = gate();
    await db.writeAsync(async (tx) => {
      kept = tx;
      add(tx, 1);
      const insert = tx.prepare("INSERT INTO t VALUES (9)");
      late = passed.then(() => void insert.run());
      await null;
    });
    const { passed: second, pass: end } = gate();
    const next = db.writeAsync(async (tx) => {
      pass();
      await second;
      add(tx, 2);
    });
    await assert.rejects(late ?? Promise.resolve(), (error: unknown) => {
      assert.ok(error instanceof LitelatchError, String(error));
      assert.match(error.message, /writeAsync\(\) has settled; await all/);
      return true;
    });
    for (
      const wrong of [
        () => kept?.exec("INSERT INTO t VALUES (9)"),
        () => kept?.prepare("INSERT INTO t VALUES (10)"),
        () => kept?.write(() => {}),
      ]
    ) assert.throws(wrong, /has settled; await all/);
    await assert.rejects(
      kept?.writeAsync(async () => {}) ?? Promise.resolve(),
      /has settled; await all/,
    );
    end();
    await next;
    assert.equal(query(path, ALL), "1,2");
    db.close();
  }),
);

test(
  "what one body sets is not there for the next one",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(async (tx) => {
      tx.exec("CREATE TEMP TABLE u (a); PRAGMA cache_size=17");
      for (const _ of tx.prepare("SELECT 1 UNION SELECT 2").iterate()) break;
      const rows = tx.prepare("SELECT 1 UNION SELECT 2").iterate();
      rows.next(); // and it is left open
      await null;
    });
    await db.writeAsync(async (tx) => {
      await null;
      assert.throws(() => tx.exec("INSERT INTO u VALUES (1)"), /no such table/);
      assert.notEqual(
        tx.prepare("PRAGMA cache_size").get()?.["cache_size"],
        17,
      );
      add(tx, 1);
    });
    assert.equal(query(path, ALL), "1");
    db.close();
  }),
);

test(
  "inside of it a write is a savepoint, and an async one is refused",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(async (tx) => {
      add(tx, 1);
      assert.throws(() =>
        tx.write(() => {
          add(tx, 8);
          throw new Error("undone");
        }), /undone/);
      await tx.writeAsync(() => add(tx, 2));
      await assert.rejects(
        tx.writeAsync(async () => await pause(1)),
        /must not return a promise .*in no other body/,
      );
      assert.throws(() => tx.close(), /inside of a transaction/);
      assert.throws(() => tx.reopen(), /inside of a transaction/);
      assert.equal(tx.path, db.path);
      assert.equal(tx.lock, db.lock);
      assert.equal(
        tx.read(() => tx.prepare(ALL).get())?.["group_concat(a)"],
        "1,2",
      );
    });
    await assert.rejects(
      db.writeAsync(async (tx) => {
        await null;
        tx.exec("COMMIT");
      }),
      /leave that to write\(\)/,
    );
    await assert.rejects(
      db.writeAsync((tx) => Promise.resolve(add(tx, 3))),
      /TypeError: .*must not return a promise .*the word async/,
    );
    assert.equal(query(path, ALL), "1,2");
    db.close();
  }),
);

test(
  "who keeps it for longer than a second is told where it was called, once",
  withDatabase(async (path) => {
    const said: string[] = [];
    const db = opened(path, { onWarning: (text: string) => said.push(text) });
    said.length = 0;
    // Not as its last word: Bun would forget this function then.
    const slow = async () => {
      await db.writeAsync(async (tx) => {
        await pause(1200);
        add(tx, 1);
      });
    };
    await slow();
    await slow();
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0] ?? "", /more than a second; .*async_write_test/);
    db.close();
  }),
);

test("in memory it is alone until it has settled", async () => {
  const db = opened(":memory:");
  const { passed, pass } = gate();
  const first = db.writeAsync(async (tx) => {
    add(tx, 1);
    await passed;
    add(tx, 2);
  });
  const second = db.writeAsync(async (tx) => {
    await null;
    add(tx, 3);
    throw new Error("undone");
  });
  await null;
  await pause(5);
  assert.throws(() => db.prepare(ALL).get(), /in memory .* one connection/);
  assert.throws(() => db.exec("DELETE FROM t"), /in memory .* one connection/);
  pass();
  await first;
  await assert.rejects(second, /undone/);
  assert.equal(db.prepare(ALL).get()?.["group_concat(a)"], "1,2");
  db.close();
});

test(
  "on an adopted connection it runs on one of its own",
  withDatabase(async (path) => {
    const owned = openConnection(path);
    const db = adopt(owned.native, { onWarning: () => {} });
    db.exec("CREATE TABLE t (a)");
    await db.writeAsync(async (tx) => {
      await null;
      assert.notEqual(tx.native, owned.native);
      add(tx, 1);
      assert.equal(owned.value("SELECT count(*) FROM t"), 0);
    });
    assert.equal(owned.value("SELECT count(*) FROM t"), 1);
    db.close();
    owned.close();
  }),
);

test(
  "beside better-sqlite3 it is refused",
  {
    skip: withoutPackages || ("Bun" in globalThis && "Bun does not load it"),
  },
  withDatabase(async (path) => {
    const Better: BetterSqlite3 = load("better-sqlite3");
    const native = new Better(path);
    const db = adopt(native, { onWarning: () => {} });
    await assert.rejects(
      db.writeAsync(async () => await pause(1)),
      UnsupportedError,
    );
    db.write(() => native.exec("CREATE TABLE t (a)"));
    db.close();
    native.close();
  }),
);

test(
  "own commits are no change, and those of others are",
  withDatabase(async (path) => {
    const db = opened(path);
    db.poll();
    for (let i = 0; i < 3; i++) {
      await db.writeAsync(async (tx) => {
        await null;
        add(tx, i);
      });
      assert.equal(db.poll(), "unchanged", `${i}`);
    }
    elsewhere(path, "INSERT INTO t VALUES (7)");
    await db.writeAsync(async (tx) => {
      await null;
      add(tx, 8);
    });
    assert.equal(db.poll(), "changed");
    assert.equal(db.poll(), "unchanged");
    db.close();
  }),
);

test(
  "a loop over rows that one body leaves open is over for the next one",
  withDatabase(async (path) => {
    const db = opened(path);
    const loop = "SELECT a FROM t ORDER BY a";
    for (let i = 0; i < 250; i++) {
      await db.writeAsync(async (tx) => {
        // More than are kept, and one that is the same in each.
        tx.exec(`INSERT INTO t VALUES (${i})`);
        tx.prepare(`SELECT ${i}`).get();
        await null;
        const [one, other] = [tx.prepare(loop), tx.prepare(loop)];
        assert.equal(one.iterate().next().value?.["a"], 0);
        for (const { a } of other.iterate()) if (a === 1) break;
        assert.equal(one.all().length, i + 1);
        assert.equal(other.get()?.["a"], 0);
      });
    }
    db.exec("DROP TABLE t; CREATE TABLE t (b, a)");
    await db.writeAsync(async (tx) => {
      await null;
      assert.deepEqual(tx.prepare(loop).all(), []);
      add(tx, 7);
    }).catch((error) => assert.match(String(error), /2 columns/));
    db.close();
    open(path, { lock: "exclusive" }).close();
  }),
);

test(
  "to close in the middle rolls back, refuses the rest and leaves nothing open",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(adding(1));
    const { passed, pass } = gate();
    let end: unknown;
    const middle = db.writeAsync(async (tx) => {
      add(tx, 2);
      await passed;
      try {
        add(tx, 3);
      } catch (error) {
        end = error;
      }
    });
    const queued = db.writeAsync(adding(4));
    await pause(5);
    db.close();
    await assert.rejects(middle, /closed before this writeAsync\(\)/);
    await assert.rejects(queued, /closed before this writeAsync\(\)/);
    await assert.rejects(
      db.writeAsync(adding(5)),
      /handle was closed/,
    );
    assert.equal(handlesOn(path).length, 0);
    pass();
    await until("the body has ended", () => end !== undefined);
    assert.match(String(end), /closed/);
    // Nobody has it open any more: the last one takes the WAL with it.
    const alone = open(path, { lock: "exclusive" });
    alone.close();
    assert.equal(query(path, ALL), "1");
  }),
);

for (const kind of ["sync", "async"]) {
  test(
    `to close around the COMMIT of a body that is ${kind} refuses nothing that was written`,
    withDatabase(async (path) => {
      let written = 0;
      const seen = new Set<boolean>();
      for (let ticks = 0; ticks < 16; ticks++) {
        const db = opened(path);
        const { passed, pass } = gate();
        let isClosed = false;
        const body = (tx: Database) => {
          assert.equal(isClosed, false, "a body began on a closed handle");
          pass();
          add(tx, ticks);
        };
        const writing = db.writeAsync(
          kind === "sync" ? body : async (tx) => await body(tx),
        ).then(() => true, (error) => {
          assert.match(String(error), /closed/);
          return false;
        });
        if (ticks % 2 === 0) await passed;
        for (let i = 1; i < ticks / 2; i++) await null;
        isClosed = true;
        db.close();
        const isWritten = await writing;
        seen.add(isWritten);
        if (isWritten) written++;
        assert.equal(query(path, "SELECT count(*) FROM t"), `${written}`);
      }
      assert.ok(seen.has(true));
      assert.ok(kind === "sync" || seen.has(false));
    }),
  );
}

test(
  "what was set on the handle and decides on what is written holds in a body",
  withDatabase(async (path) => {
    const db = opened(path);
    db.exec(
      "CREATE TABLE author (id INTEGER PRIMARY KEY);" +
        "CREATE TABLE book (author REFERENCES author ON DELETE CASCADE);" +
        "INSERT INTO author VALUES (1); INSERT INTO book VALUES (1)",
    );
    await db.writeAsync(adding(1));
    db.exec("PRAGMA foreign_keys=0");
    db.exec("PRAGMA synchronous=FULL");
    const pragma = (tx: Database, name: string) =>
      tx.prepare(`SELECT * FROM pragma_${name}`).get()?.[name];
    // As ORMs rebuild a table that others refer to.
    await db.writeAsync(async (tx) => {
      assert.equal(pragma(tx, "synchronous"), 2);
      await tx.exec("CREATE TABLE other (id INTEGER PRIMARY KEY)");
      await tx.exec("INSERT INTO other SELECT id FROM author");
      await tx.exec("DROP TABLE author");
      await tx.exec("ALTER TABLE other RENAME TO author");
    });
    db.exec("PRAGMA foreign_keys=1");
    await assert.rejects(
      db.writeAsync(async (tx) => await tx.exec("INSERT INTO book VALUES (7)")),
      /FOREIGN KEY/,
    );
    assert.equal(query(path, "SELECT * FROM book"), "1");
    db.close();
    const native = openConnection(path)
      .native as { exec(sql: string): void; close(): void };
    native.exec("PRAGMA synchronous=EXTRA");
    const adopted = adopt(native, { onWarning: () => {} });
    await adopted.writeAsync(async (tx) => {
      assert.equal(await pragma(tx, "synchronous"), 3);
    });
    adopted.close();
    native.close();
  }),
);

test(
  "what a statement has set again after reopen() holds in a body too",
  withDatabase(async (path) => {
    const db = opened(path);
    db.exec(
      "CREATE TABLE author (id INTEGER PRIMARY KEY);" +
        "CREATE TABLE book (author REFERENCES author ON DELETE CASCADE);" +
        "INSERT INTO author VALUES (1); INSERT INTO book VALUES (1)",
    );
    const setUp = () => db.prepare("PRAGMA foreign_keys=OFF").run();
    const drop = async (tx: Database) =>
      await tx.exec("DELETE FROM author; INSERT INTO author VALUES (1)");
    for (let i = 0; i < 3; i++) {
      setUp();
      await db.writeAsync(drop);
      assert.equal(query(path, "SELECT count(*) FROM book"), "1");
      db.reopen();
    }
    // It is gone with the connection that it was set on.
    await db.writeAsync(drop);
    assert.equal(query(path, "SELECT count(*) FROM book"), "0");
    db.close();
  }),
);

test(
  "what waits while reopen() follows a link is written once or refused",
  { skip: process.platform === "win32" && "links need rights there" },
  withDatabase(async (path) => {
    const [first, link] = [`${path}-first`, `${path}-link`];
    for (const file of [first, path]) opened(file).close();
    symlinkSync(first, link);
    const db = open(link, { onWarning: () => {} });
    const holder = open(first, { onWarning: () => {} });
    const all = await holder.writeAsync(async () => {
      const waiting = Promise.allSettled([1, 2].map((value) => {
        return db.writeAsync(() => add(db, value));
      }));
      await pause(5);
      unlinkSync(link);
      symlinkSync(path, link);
      db.reopen();
      return await waiting;
    });
    await pause(20);
    const kept = [1, 2].filter((_, i) => all[i]?.status === "fulfilled");
    assert.equal(query(path, ALL), kept.join());
    assert.equal(query(first, ALL), "");
    db.close();
    holder.close();
  }),
);

test(
  "to reopen waits for nobody, and works between two",
  withDatabase(async (path) => {
    const db = opened(path);
    await db.writeAsync(async (tx) => {
      add(tx, 1);
      assert.throws(() => db.reopen(), /transaction|settled/);
      await null;
      add(tx, 2);
    });
    db.reopen();
    await db.writeAsync(adding(3));
    assert.equal(query(path, ALL), "1,2,3");
    db.close();
  }),
);

test(
  "a handle whose body has settled gives no connection and watches nothing",
  withDatabase(async (path) => {
    const db = opened(path);
    let left: Database | undefined;
    await db.writeAsync(async (tx) => {
      left = tx;
      await null;
      assert.throws(() => tx.onChange(() => {}), /inside of a transaction/);
    });
    assert.throws(() => left?.native, { code: "LITELATCH_CLOSED" });
    await db.writeAsync(adding(1));
    assert.equal(query(path, ALL), "1");
    db.close();
  }),
);
