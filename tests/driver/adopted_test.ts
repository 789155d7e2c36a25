import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import type { Row } from "../../src/driver/contract.ts";
import { adoptConnection } from "../../src/driver/runtime.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";

/** What an owner has opened, and how it is closed. */
interface Native {
  exec(sql: string): unknown;
  close(): void;
}

type Driver = new (path: string, options?: object) => Native;

const bun = process.getBuiltinModule("bun:sqlite") as
  | { Database: Driver }
  | undefined;

function own(options: object): Native {
  const Own = bun?.Database ??
    process.getBuiltinModule("node:sqlite").DatabaseSync as Driver;
  const how = bun === undefined ? {} : { readwrite: true, create: true };
  return new Own(":memory:", { ...how, ...options });
}

function better(): Native & { defaultSafeIntegers(on: boolean): void } {
  return new (load("better-sqlite3"))(":memory:") as unknown as ReturnType<
    typeof better
  >;
}

/** Each way in which an owner may have set a connection. */
const OWNERS: [how: string, skip: string | false, open: () => Native][] = [
  ["nothing set", false, () => own({})],
  [
    "large integers",
    false,
    () => own({ safeIntegers: true, readBigInts: true }),
  ],
  [
    "strict names",
    false,
    () => own({ strict: true, allowBareNamedParameters: false }),
  ],
  [
    "unknown names ignored",
    bun ? "bun:sqlite has no such option" : false,
    () => own({ allowUnknownNamedParameters: true }),
  ],
  [
    "rows as arrays",
    bun ? "bun:sqlite has no such option" : false,
    () => own({ returnArrays: true, readBigInts: true }),
  ],
  ["better-sqlite3", withoutPackages, better],
  ["better-sqlite3 and large integers", withoutPackages, () => {
    const native = better();
    native.defaultSafeIntegers(true);
    return native;
  }],
];

for (const [how, skip, open] of OWNERS) {
  test(`an adopted connection with ${how} gives our answers`, { skip }, () => {
    const native = open();
    const db = adoptConnection(native);
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)");
    const insert = db.prepare("INSERT INTO t (a, b) VALUES (:a, @b)");
    assert.deepEqual(insert.run([{ a: 5, "@b": 2n ** 62n + 1n }]), {
      changes: 1,
      lastInsertRowid: 1,
    });
    assert.deepEqual(insert.run(["x", new Uint8Array([7])]), {
      changes: 1,
      lastInsertRowid: 2,
    });
    assert.throws(() => insert.run([{ c: 5 }]), TypeError);

    const select = db.prepare("SELECT id, a, b FROM t WHERE id >= ?1");
    const rows = [
      { id: 1, a: 5, b: 2n ** 62n + 1n },
      { id: 2, a: "x", b: new Uint8Array([7]) },
    ];
    assert.deepEqual(select.all([1]).map(copied), rows);
    assert.deepEqual([...select.iterate([{ 1: 1 }])].map(copied), rows);
    assert.deepEqual(select.get([1]), rows[0]);
    assert.equal(select.get([3]), undefined);
    for (const row of [select.get([1]), ...select.all([1])]) {
      assert.equal(Object.getPrototypeOf(row), Object.prototype);
    }
    assert.deepEqual(db.prepare("SELECT typeof(:a) AS t").get([{ a: 5 }]), {
      t: "integer",
    });

    const run = (sql: string) => {
      const { changes, lastInsertRowid } = db.prepare(sql).run([]);
      return [changes, lastInsertRowid];
    };
    const big = 2n ** 53n + 1n;
    assert.deepEqual(run("SELECT * FROM t"), [0, 2]);
    assert.deepEqual(run("WITH n(i) AS (SELECT 1) SELECT * FROM n"), [0, 2]);
    assert.deepEqual(run("PRAGMA user_version = 3"), [0, 2]);
    assert.deepEqual(run("UPDATE t SET a = 6 RETURNING a"), [2, 2]);
    assert.deepEqual(run("UPDATE t SET a = 6 WHERE id = 9 RETURNING a"), [
      0,
      2,
    ]);
    assert.deepEqual(run(`INSERT INTO t (id) VALUES (${big})`), [1, big]);
    assert.deepEqual(run("DELETE FROM t WHERE a IS NULL RETURNING id"), [
      1,
      big,
    ]);
    assert.deepEqual(run("SELECT 1"), [0, big]);
    assert.equal(db.prepare("DELETE FROM t WHERE id = 1").get([]), undefined);
    assert.deepEqual(db.prepare("DELETE FROM t WHERE id = 2").all([]), []);
    assert.deepEqual([...db.prepare("CREATE TABLE u (a)").iterate([])], []);

    assert.equal(db.value("SELECT count(*) FROM t"), 0);
    assert.equal(db.value(`SELECT ${big}`), big);
    assert.equal(db.value("SELECT 1 WHERE 0"), null);
    assert.equal(db.inTransaction(), false);
    native.exec("BEGIN");
    assert.equal(db.inTransaction(), true);
    native.exec("ROLLBACK");
    db.close();
    native.exec("SELECT 1"); // it stays its owner's
    native.close();
    assert.throws(() => adoptConnection(native), {
      name: "TypeError",
      message: /^Cannot adopt the database: it must be an open/,
    });
  });
}

/** With bytes of one class: Node's come as another one's. */
function copied(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      ArrayBuffer.isView(value) ? new Uint8Array(value) : value,
    ]),
  );
}

test("objects and bytes of another realm are taken as our own", () => {
  const native = own({});
  const db = adoptConnection(native);
  const context = createContext({});
  const bytes = runInContext("new Uint8Array([1, 2])", context);
  const named = runInContext("({ a: 5 })", context);
  assert.equal(db.prepare("SELECT hex(?) AS h").get([bytes])?.["h"], "0102");
  assert.deepEqual(db.prepare("SELECT :a AS a").get([named]), { a: 5 });
  const date = runInContext("new Date(0)", context);
  assert.throws(() => db.prepare("SELECT ?").get([date]), TypeError);
  db.close();
  native.close();
});
