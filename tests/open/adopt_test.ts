import assert from "node:assert/strict";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { adopt, LockedError, open, PragmaError } from "../../mod.ts";
import { neighbours } from "../../scripts/test/packages.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

/** What all three have in common. */
interface Native {
  exec(sql: string): unknown;
  prepare(sql: string): { get(): unknown };
  close(): void;
}

type Driver = new (path: string) => Native;

function builtin(): Driver {
  const bun = process.getBuiltinModule("bun:sqlite") as
    | { Database: Driver }
    | undefined;
  if (bun !== undefined) return bun.Database;
  return process.getBuiltinModule("node:sqlite").DatabaseSync as Driver;
}

const DRIVERS: [name: string, skip: string | false, driver: () => Driver][] = [
  ["the runtime's own database", false, builtin],
  [
    "better-sqlite3",
    withoutPackages,
    () => load("better-sqlite3") as unknown as Driver,
  ],
];
const QUIET = { onWarning: () => {} };

for (const [name, skip, driver] of DRIVERS) {
  test(
    `${name} is adopted with the settings of open`,
    { skip },
    withDatabase((path) => {
      const native = new (driver())(path);
      native.exec("PRAGMA busy_timeout=0; PRAGMA foreign_keys=OFF");
      const db = adopt(native, { ...QUIET, synchronous: "full" });
      assert.equal(db.native, native);
      assert.equal(db.path, path);
      assert.equal(db.lock?.mode, "shared");
      assert.ok(existsSync(`${path}.lock`));
      const pragma = (what: string) =>
        Object.values(db.prepare(`PRAGMA ${what}`).get() ?? {})[0];
      assert.equal(pragma("journal_mode"), "wal");
      assert.equal(pragma("busy_timeout"), 5000);
      assert.equal(pragma("synchronous"), 2);
      assert.equal(pragma("foreign_keys"), 1);
      assert.equal(pragma("journal_size_limit"), 16 * 1024 * 1024);
      db.close();
      native.close();
    }),
  );

  test(
    `closing the handle of ${name} leaves it open and usable`,
    { skip },
    withDatabase((path) => {
      const native = new (driver())(path);
      const db = adopt(native, QUIET);
      db.exec("CREATE TABLE t (a)");
      const statement = db.prepare("SELECT count(*) AS n FROM t");
      statement.get();
      db.close();
      db.close();
      assert.equal(db.lock?.held, false);
      assert.throws(() => statement.get(), { code: "LITELATCH_CLOSED" });
      native.exec("INSERT INTO t VALUES (1)");
      assert.deepEqual(
        { ...native.prepare("SELECT a FROM t").get() as object },
        { a: 1 },
      );
      native.close();
      assert.equal(query(path, "SELECT a FROM t"), "1");
    }),
  );

  test(
    `values, writes and reads of ${name} are those of open`,
    { skip },
    withDatabase((path) => {
      const native = new (driver())(path);
      const db = adopt(native, QUIET);
      db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)");
      const insert = db.prepare("INSERT INTO t (a, b) VALUES (:a, ?2)");
      assert.deepEqual(
        db.write(() => insert.run({ a: 5, 2: 2n ** 62n + 1n })),
        {
          changes: 1,
          lastInsertRowid: 1,
        },
      );
      assert.throws(() => db.write(() => insert.run({ aa: 5 })), TypeError);
      assert.throws(() =>
        db.write(() => {
          insert.run("x", new Uint8Array([1]));
          throw new Error("on purpose");
        }), /on purpose/);
      const select = db.prepare("SELECT a, b, typeof(a) AS t FROM t");
      const row = { a: 5, b: 2n ** 62n + 1n, t: "integer" };
      for (
        const found of [select.get(), ...select.all(), ...select.iterate()]
      ) {
        assert.deepEqual(found, row);
        assert.equal(Object.getPrototypeOf(found), Object.prototype);
      }
      assert.equal(db.prepare("SELECT 1 WHERE 0").get(), undefined);
      assert.equal(db.prepare("CREATE TABLE u (a)").get(), undefined);
      const returning = db.prepare("INSERT INTO t (a) VALUES (1) RETURNING id");
      assert.deepEqual(returning.run(), { changes: 1, lastInsertRowid: 2 });
      assert.deepEqual(returning.get(), { id: 3 });
      assert.equal(db.read(() => select.all().length), 3);
      db.close();
      native.close();
    }),
  );

  test(
    `${name} waits for its turn as open does, and says who was in the way`,
    { skip: skip || needs("/proc") },
    withDatabase(async (path) => {
      const native = new (driver())(path);
      const db = adopt(native, { ...QUIET, busyTimeout: 50 });
      db.exec("CREATE TABLE t (a)");
      const other = start(otherRuntime(), "database_child.ts");
      await other.ask({ do: "open", path });
      await other.ask({ do: "hold" });
      const busy = { code: "LITELATCH_BUSY", writers: [other.pid] };
      assert.throws(() => db.write(() => {}), busy);
      assert.throws(() => db.exec("DELETE FROM t"), busy);
      assert.throws(() => db.prepare("DELETE FROM t").run(), busy);
      await other.ask({ do: "exec", sql: "COMMIT" });
      db.write(() => db.exec("INSERT INTO t VALUES (1)"));
      db.close();
      native.close();
      assert.equal(query(path, "SELECT a FROM t"), "1");
    }),
  );

  test(
    `whom ${name} keeps out by its locking mode is told who it is`,
    { skip: skip || needs("/proc") },
    withDatabase(async (path) => {
      const native = new (driver())(path);
      native.exec("PRAGMA locking_mode=EXCLUSIVE");
      const db = adopt(native, QUIET);
      db.write(() => native.exec("CREATE TABLE t (a)"));
      const other = start(otherRuntime(), "database_child.ts");
      const options = { busyTimeout: 50 };
      const { code, message } = await other.ask({ do: "open", path, options });
      assert.equal(code, "LITELATCH_BUSY", message);
      assert.match(
        message ?? "",
        new RegExp(`a lock is held by PID ${process.pid} `),
      );
      db.close();
      native.close();
    }),
  );

  test(
    `two handles on ${name} do not get into each other's transactions`,
    { skip },
    withDatabase((path) => {
      const native = new (driver())(path);
      const [one, other] = [adopt(native, QUIET), adopt(native, QUIET)];
      const refused = { code: "LITELATCH_BUSY", message: /did not begin/ };
      one.write(() => assert.throws(() => other.write(() => {}), refused));
      // And what it was refused for has no write lock by that.
      const reader = new (driver())(path);
      reader.exec("PRAGMA busy_timeout=0");
      native.exec("BEGIN");
      assert.throws(() => other.write(() => {}), refused);
      reader.exec("BEGIN IMMEDIATE");
      reader.exec("ROLLBACK");
      native.exec("ROLLBACK");
      reader.close();
      one.read(() => assert.throws(() => other.read(() => {}), refused));
      one.close();
      assert.equal(other.lock?.held, true);
      other.write(() => native.exec("CREATE TABLE t (a)"));
      other.close();
      native.exec("PRAGMA query_only=1");
      assert.throws(() => adopt(native, QUIET), {
        code: "LITELATCH_OPEN",
        // adopt() has no such option.
        message: /or open\(\) it with \{ readOnly: true \}$/,
      });
      native.close();
    }),
  );

  test(`${name} in memory is adopted without a lock`, { skip }, () => {
    const native = new (driver())(":memory:");
    const db = adopt(native, QUIET);
    assert.equal(db.path, ":memory:");
    assert.equal(db.lock, null);
    db.write(() => db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)"));
    db.close();
    const [count] = Object.values(
      native.prepare("SELECT count(*) FROM t").get() as object,
    );
    assert.equal(count, 1);
    native.close();
  });

  test(
    `${name} is refused while another process holds the lock exclusively`,
    { skip },
    withDatabase(async (path) => {
      const other = start(otherRuntime(), "database_child.ts");
      const options = { lock: "exclusive" };
      await other.ask({ do: "open", path, options });
      const native = new (driver())(path);
      assert.throws(() => adopt(native, QUIET), (error: unknown) => {
        assert.ok(error instanceof LockedError, String(error));
        assert.deepEqual(error.holders.map(({ pid }) => pid), [other.pid]);
        return true;
      });
      native.exec("SELECT 1"); // it is its owner's as before
      await other.ask({ do: "close" });
      const db = adopt(native, QUIET);
      assert.equal(db.lock?.held, true);
      db.close();
      native.close();
    }),
  );
}

test(
  "a connection to a locked database, or to no database, is adopted or refused as open() would",
  withDatabase((path) => {
    const other = new (builtin())(path);
    other.exec("CREATE TABLE t (x);BEGIN EXCLUSIVE");
    const native = new (builtin())(path);
    const options = { ...QUIET, busyTimeout: 50 };
    assert.throws(() => adopt(native, options), { code: "LITELATCH_BUSY" });
    other.close();
    adopt(native, QUIET).close();
    native.close();
    writeFileSync(`${path}.txt`, "no database ".repeat(100));
    const none = new (builtin())(`${path}.txt`);
    assert.throws(() => adopt(none, QUIET), { code: "LITELATCH_OPEN" });
    none.close();
  }),
);

test(
  "a connection to a database that was replaced beside an old one in use is not adopted",
  { skip: needs("/proc") },
  withDatabase(async (path) => {
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path, options: { heartbeat: false } });
    await other.ask({ do: "exec", sql: "CREATE TABLE old (x)" });
    rename(path);
    const native = new (builtin())(path);
    assert.throws(() => adopt(native, QUIET), {
      code: "LITELATCH_UNSUPPORTED",
      message: /has another file open, which was at this path before/,
    });
    native.close();
    await other.ask({ do: "close" });
  }),
);

test("what is no database is not adopted", () => {
  const things = [null, undefined, 5, "app.db", {}, [], new Map(), () => {}];
  for (const thing of things) {
    assert.throws(
      () => adopt(thing, QUIET),
      { name: "TypeError", message: /^Cannot adopt the database: it must be/ },
    );
  }
});

test(
  "a driver that looks like one of the three is not adopted",
  {
    skip: withoutPackages ||
      (!thisRuntime().id.startsWith("node") && "they are add-ons of Node"),
  },
  () => {
    const load = createRequire(join(neighbours(), "load.cjs"));
    const { DatabaseSync } = load("@photostructure/sqlite");
    const other = new DatabaseSync(":memory:");
    assert.throws(() => adopt(other, QUIET), { name: "TypeError" });
    other.close();
    const Libsql = load("libsql");
    const native = new Libsql(":memory:");
    assert.throws(
      () => adopt(native, QUIET),
      { name: "TypeError", message: /^Cannot adopt the database: it must be/ },
    );
  },
);

test("a handle of ours is not adopted", () => {
  const db = open(":memory:", QUIET);
  assert.throws(() => adopt(db, QUIET), TypeError);
  db.close();
});

test(
  "where SQLite keeps another journal mode, adopt says so",
  {
    skip: needs("unix") ||
      ("Bun" in globalThis && "bun:sqlite takes no URI with a VFS"),
  },
  withDatabase((path) => {
    // Without shared memory, as on a network filesystem.
    const native = new (builtin())(`file:${path}?vfs=unix-none`);
    assert.throws(() => adopt(native, QUIET), (error: unknown) => {
      assert.ok(error instanceof PragmaError, String(error));
      assert.equal(error.pragma, "journal_mode");
      assert.equal(error.wanted, "wal");
      assert.equal(error.got, "delete");
      assert.match(error.message, /^Cannot switch ".*app\.db" to WAL/);
      return true;
    });
    native.close();
    assert.ok(!existsSync(`${path}.pid`));
  }),
);

const LOSSES: Record<string, (path: string) => void> = {
  "file was deleted": rmSync,
  "file was renamed": rename,
  "-wal was deleted": (path) => rmSync(`${path}-wal`),
  "-shm was renamed": (path) => rename(`${path}-shm`),
};
for (const [what, lose] of Object.entries(LOSSES)) {
  test(
    `a connection in WAL mode whose ${what} before is not adopted`,
    { skip: needs("/proc") },
    withDatabase((path) => {
      const native = new (builtin())(path);
      native.exec("PRAGMA journal_mode=WAL");
      native.exec("CREATE TABLE t (x)");
      lose(path);
      assert.throws(() => adopt(native, QUIET), {
        code: "LITELATCH_OPEN",
        message: /deleted or replaced/,
      });
      native.close();
    }),
  );
}

function rename(path: string): void {
  renameSync(path, `${path}.old`);
}

test(
  "a database in memory is adopted as that, whatever is attached to it",
  withDatabase((path) => {
    const made = open(path);
    made.exec("CREATE TABLE t (n)");
    made.close();
    const owner = openConnection(":memory:");
    owner.exec(`ATTACH '${path}' AS other`);
    const db = adopt(owner.native, { heartbeat: false });
    assert.equal(db.path, ":memory:");
    assert.equal(db.lock, null);
    db.write(() => db.exec("CREATE TABLE main.m (n)"));
    db.close();
    owner.close();
  }),
);

test(
  "a connection that was refused has the busy timeout of its owner",
  withDatabase((path) => {
    const made = open(path);
    made.exec("CREATE TABLE t (n)");
    made.close();
    const owner = openConnection(path);
    owner.exec("PRAGMA busy_timeout=7000");
    const held = open(path, { lock: "exclusive", heartbeat: false });
    assert.throws(
      () => adopt(owner.native, { lock: "shared", busyTimeout: 100 }),
      LockedError,
    );
    held.close();
    const other = openConnection(path);
    other.exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
    assert.throws(() => adopt(owner.native, { busyTimeout: 100 }));
    assert.equal(owner.value("PRAGMA busy_timeout"), 7000);
    other.close();
    owner.close();
  }),
);
