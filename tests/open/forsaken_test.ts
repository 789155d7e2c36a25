import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { adopt, type Database, open } from "../../mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";
import { until } from "../fixtures/until.ts";

/** What an owner does with its connection. */
interface Native {
  exec(sql: string): unknown;
  close(): void;
  /** Only of `node:sqlite`. */
  open?(): void;
}

type Driver = new (path: string) => Native;

const bun = process.getBuiltinModule("bun:sqlite") as
  | { Database: Driver }
  | undefined;

function builtin(path: string): Native {
  const Own = bun?.Database ??
    process.getBuiltinModule("node:sqlite").DatabaseSync as Driver;
  return new Own(path);
}

const DRIVERS: [
  name: string,
  skip: string | false,
  make: (path: string) => Native,
][] = [
  ["the runtime's own", false, builtin],
  [
    "better-sqlite3's",
    withoutPackages,
    (path) => new (load("better-sqlite3") as unknown as Driver)(path),
  ],
];
const STILL = { heartbeat: false, onWarning: () => {} } as const;

/** Each call on the handle, and on what it made before. */
function callsOn(db: Database): Record<string, () => unknown> {
  const select = db.prepare("SELECT a FROM t");
  const insert = db.prepare("INSERT INTO t VALUES (9)");
  return {
    write: () => db.write(() => {}),
    writeAsync: () => db.writeAsync(() => {}),
    read: () => db.read(() => {}),
    exec: () => db.exec("DELETE FROM t"),
    prepare: () => db.prepare("SELECT 7"),
    // Bun keeps what such a statement reads from until that is finalized.
    ...bun === undefined && { get: () => select.get() },
    ...bun === undefined && { all: () => select.all() },
    iterate: () => [...select.iterate()],
    run: () => insert.run(),
    poll: () => db.poll(),
    onChange: () => db.onChange(() => {}),
    checkpoint: () => db.checkpoint(),
    backup: () => db.backup(`${db.path}-copy`),
  };
}

const CLOSED = {
  name: "LitelatchError",
  code: "LITELATCH_CLOSED",
  message: /connection was closed; adopt it again$/,
};

for (const [name, skip, make] of DRIVERS) {
  // With the WAL gone it looked like a loss; with it there, the driver's own
  // error came out.
  for (const beside of ["", " beside others"]) {
    test(
      `each call says that the owner has closed ${name} connection${beside}`,
      { skip },
      withDatabase(async (path) => {
        const other = beside === "" ? null : make(path);
        const native = make(path);
        const db = adopt(native, STILL);
        db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
        other?.exec("SELECT * FROM t");
        const calls = callsOn(db);
        native.close();
        for (const [call, run] of Object.entries(calls)) {
          await assert.rejects(async () => await run(), CLOSED, call);
        }
        db.close(); // nothing is lost, and so nothing is said
        assert.equal(db.lock?.held, false);
        other?.close();
        assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1");
      }),
    );
  }

  test(
    `a transaction says that the owner has closed ${name} connection in it`,
    { skip },
    withDatabase((path) => {
      const calls = {
        write: (db: Database, body: () => void) => db.write(body),
        nested: (db: Database, body: () => void) =>
          db.write(() => db.write(body)),
        read: (db: Database, body: () => void) => db.read(body),
      };
      for (const [call, run] of Object.entries(calls)) {
        const native = make(path);
        const db = adopt(native, STILL);
        assert.throws(() => run(db, () => native.close()), CLOSED, call);
        db.close();
        assert.equal(db.lock?.held, false);
      }
    }),
  );

  test(
    `a write that waits says that the owner has closed ${name} connection`,
    { skip },
    withDatabase(async (path) => {
      const native = make(path);
      const db = adopt(native, STILL);
      const other = make(path);
      other.exec("BEGIN IMMEDIATE");
      const written = db.writeAsync(() => {});
      native.close();
      await assert.rejects(written, CLOSED);
      other.close();
      db.close();
    }),
  );

  test(
    `a handle ends by itself when its owner has closed ${name} connection`,
    { skip },
    withDatabase(async (path, folder) => {
      const native = make(path);
      const db = adopt(native, { ...STILL, heartbeat: 20 });
      db.exec("CREATE TABLE t (a)");
      native.close();
      await until("the lock is let go", () => db.lock?.held === false);
      const left = readdirSync(folder).filter((file) => file.includes(".pid"));
      assert.deepEqual(left, []);
      // Nobody has it open any more.
      open(path, { ...STILL, lock: "exclusive" }).close();
    }),
  );

  test(
    `the owner of ${name} connection may close and open it in any order`,
    { skip },
    withDatabase((path) => {
      const first = make(path);
      const db = adopt(first, STILL);
      db.exec("CREATE TABLE t (a)");
      first.close();
      const second = make(path);
      const next = adopt(second, STILL);
      next.write(() => second.exec("INSERT INTO t VALUES (1)"));
      db.close();
      next.write(() => second.exec("INSERT INTO t VALUES (2)"));
      assert.equal(next.lock?.held, true);
      second.close();
      next.close();
      assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2");
    }),
  );
}

test(
  "a connection that its owner closed and opened is adopted anew",
  { skip: bun !== undefined && "bun:sqlite opens none again" },
  withDatabase((path) => {
    const native = builtin(path);
    const db = adopt(native, STILL);
    db.exec("CREATE TABLE t (a)");
    native.close();
    elsewhere(path, "INSERT INTO t VALUES (1)");
    native.open?.();
    assert.throws(() => db.write(() => {}), CLOSED);
    const next = adopt(native, STILL);
    db.close();
    next.write(() => native.exec("INSERT INTO t VALUES (2)"));
    next.close();
    native.close();
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2");
  }),
);

test(
  "what is closed by native of an opened handle is closed for all of it",
  withDatabase((path) => {
    const calls = (db: Database) => Object.entries(callsOn(db));
    const set = open(path, STILL);
    set.exec("CREATE TABLE t (a)");
    set.close();
    for (const isInside of [false, true]) {
      const db = open(path, STILL);
      const all = calls(db);
      const end = () => (db.native as Native).close();
      if (isInside) {
        const body = () => {
          db.prepare("INSERT INTO t VALUES (3)").run();
          end();
        };
        assert.throws(() => db.write(body), { code: "LITELATCH_CLOSED" });
      } else end();
      for (const [call, run] of all) {
        // These give promises.
        if (call === "writeAsync" || call === "backup") continue;
        assert.throws(run, { code: "LITELATCH_CLOSED" }, call);
      }
      // Nobody keeps its lock.
      elsewhere(path, "INSERT INTO t VALUES (1)");
      assert.throws(() => db.reopen(), { code: "LITELATCH_CLOSED" });
      db.close();
      assert.equal(db.lock?.held, false);
    }
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,1");
  }),
);

test(
  "others can write as soon as its owner has closed a connection in a write",
  withDatabase((path) => {
    const native = builtin(path);
    const db = adopt(native, STILL);
    db.exec("CREATE TABLE t (a)");
    const insert = db.prepare("INSERT INTO t VALUES (2)");
    const body = () => {
      insert.run();
      native.close();
    };
    assert.throws(() => db.write(body), CLOSED);
    elsewhere(path, "INSERT INTO t VALUES (1)");
    db.close();
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1");
  }),
);
