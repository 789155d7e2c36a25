import assert from "node:assert/strict";
import { test } from "node:test";
import { type Database, open, type Row, type Value } from "../../mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";

/** Runs a body on a database in memory. */
function inMemory(body: (db: Database) => void): () => void {
  return () => {
    const db = open(":memory:", { onWarning: () => {} });
    try {
      body(db);
    } finally {
      db.close();
    }
  };
}

const ECHO = "SELECT v, typeof(v) AS t FROM (SELECT ? AS v)";

const VALUES: [what: string, given: Value, back: Value, type: string][] = [
  ["a whole number", 5, 5, "integer"],
  ["a negative number", -5, -5, "integer"],
  ["a fraction", 5.5, 5.5, "real"],
  ["minus zero", -0, -0, "real"],
  ["no number", NaN, null, "null"],
  ["infinity", Infinity, Infinity, "real"],
  ["minus infinity", -Infinity, -Infinity, "real"],
  ["the largest safe number", 2 ** 53 - 1, 2 ** 53 - 1, "integer"],
  ["the smallest safe number", 1 - 2 ** 53, 1 - 2 ** 53, "integer"],
  ["a number beyond the safe ones", 2 ** 53, 2 ** 53, "real"],
  ["the tiniest number", 5e-324, 5e-324, "real"],
  ["a small bigint", 5n, 5, "integer"],
  ["the first unsafe bigint", 2n ** 53n, 2n ** 53n, "integer"],
  ["an odd bigint", 9007199254740993n, 9007199254740993n, "integer"],
  ["the largest bigint", 2n ** 63n - 1n, 2n ** 63n - 1n, "integer"],
  ["the smallest bigint", -(2n ** 63n), -(2n ** 63n), "integer"],
  ["an empty string", "", "", "text"],
  [
    "characters beyond 16 bits",
    "é😀\u{10FFFF}\uFFFF",
    "é😀\u{10FFFF}\uFFFF",
    "text",
  ],
  ["quotes and line ends", "'\"\r\n\u2028;--", "'\"\r\n\u2028;--", "text"],
  ["null", null, null, "null"],
];

for (const [what, given, back, type] of VALUES) {
  test(
    `${what} comes back as ${type}`,
    inMemory((db) => {
      const row = db.prepare(ECHO).get(given);
      assert.deepEqual(row, { v: back, t: type });
      assert.ok(Object.is(row?.["v"], back));
      const [all] = db.prepare(ECHO).all(given);
      assert.deepEqual(all, { v: back, t: type });
      const [iterated] = [...db.prepare(ECHO).iterate(given)];
      assert.deepEqual(iterated, { v: back, t: type });
    }),
  );
}

test(
  "bytes come back as a Uint8Array of their own",
  inMemory((db) => {
    const whole = new Uint8Array([1, 2, 3, 4]);
    for (const given of [whole, whole.subarray(1, 3), new Uint8Array(0)]) {
      const row = db.prepare(ECHO).get(given);
      assert.equal(row?.["t"], "blob");
      const back = row?.["v"] as Uint8Array;
      assert.ok(back instanceof Uint8Array);
      assert.deepEqual([...back], [...given]);
    }
    const back = db.prepare(ECHO).get(whole)?.["v"] as Uint8Array;
    back[0] = 9;
    assert.equal(whole[0], 1);
  }),
);

// Node 22 and Deno cut such a string when they read it, not when they write.
test(
  "a string with a NUL in it is written whole",
  inMemory((db) => {
    const sql = "SELECT CAST(v AS BLOB) AS v FROM (SELECT ? AS v)";
    const row = db.prepare(sql).get("a\0b");
    assert.deepEqual([...row?.["v"] as Uint8Array], [97, 0, 98]);
  }),
);

test(
  "any value that is written is read again",
  { skip: withoutPackages },
  inMemory((db) => {
    const fc = load("fast-check");
    const value = fc.oneof<Value>(
      fc.constant(null),
      fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")),
      fc.double().filter((number) => !Number.isNaN(number)),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.uint8Array(),
    );
    db.exec("CREATE TABLE t (a, b, c, d)");
    const insert = db.prepare("INSERT INTO t VALUES (?, ?, :c, $d)");
    const select = db.prepare("SELECT a, b, c, d FROM t");
    const four = fc.array(value, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(four, (values) => {
        db.exec("DELETE FROM t"); // the one that failed
        assert.equal(insert.run(...values).changes, 1);
        const wanted = values.map(expected);
        assert.deepEqual(Object.values(select.get() as Row), wanted);
        assert.deepEqual(Object.values(select.all()[0] as Row), wanted);
        const [iterated] = [...select.iterate()];
        assert.deepEqual(Object.values(iterated as Row), wanted);
      }),
      // The same values every time, as a build says whether a change is good.
      { numRuns: 300, seed: 1 },
    );
  }),
);

/** What a value reads as when it was written to a table. */
function expected(value: Value): Value {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return typeof value === "bigint" && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value;
}

const REFUSED: [what: string, value: unknown][] = [
  ["undefined", undefined],
  ["a boolean", true],
  ["a date", new Date(0)],
  ["an array", [1]],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
  ["an array of 16-bit numbers", new Uint16Array(1)],
  ["an ArrayBuffer", new ArrayBuffer(1)],
  ["a Map", new Map()],
];

for (const [what, value] of REFUSED) {
  test(
    `${what} is refused as a value, by position and by name`,
    inMemory((db) => {
      db.exec("CREATE TABLE t (a)");
      const expected = { name: "TypeError", message: /^Cannot bind parameter/ };
      const byPosition = db.prepare("INSERT INTO t VALUES (?)");
      const byName = db.prepare("INSERT INTO t VALUES (:a)");
      for (const how of ["run", "get", "all"] as const) {
        assert.throws(() => byPosition[how](value as Value), expected);
        assert.throws(() => byName[how]({ a: value as Value }), expected);
      }
      assert.throws(() => [...byName.iterate({ a: value as Value })], expected);
      assert.deepEqual(db.prepare("SELECT * FROM t").all(), []);
    }),
  );
}

test(
  "a bigint of more than 64 bits is refused",
  inMemory((db) => {
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n]) {
      assert.throws(() => db.prepare(ECHO).get(value), RangeError);
    }
  }),
);

test(
  "parameters go by position, by number and by name",
  inMemory((db) => {
    const ask = (sql: string, ...values: Value[] | [Record<string, Value>]) =>
      Object.values(db.prepare(`SELECT ${sql}`).get(...values) as Row);
    assert.deepEqual(ask("? AS a, ? AS b", 1, 2), [1, 2]);
    assert.deepEqual(ask("?2 AS b, ?1 AS a", 1, 2), [2, 1]);
    assert.deepEqual(ask("?2 AS x, ? AS y", 1, 2, 3), [2, 3]);
    assert.deepEqual(ask("? AS x, ?3 AS y, ? AS z", 1, 2, 3, 4), [1, 3, 4]);
    assert.deepEqual(ask(":a AS x, @b AS y, $c AS z", { a: 1, b: 2, c: 3 }), [
      1,
      2,
      3,
    ]);
    assert.deepEqual(
      ask(":a AS x, @b AS y, $c AS z", { ":a": 1, "@b": 2, $c: 3 }),
      [1, 2, 3],
    );
    assert.deepEqual(
      ask(":a AS x, @a AS y, $a AS z", { ":a": 1, "@a": 2, $a: 3 }),
      [1, 2, 3],
    );
    assert.deepEqual(ask(":a AS x, :b AS y, :a AS z", 1, 2), [1, 2, 1]);
    assert.deepEqual(ask("?2 AS b, ?1 AS a", { 1: 1, 2: 2 }), [2, 1]);
    assert.deepEqual(
      ask('\':x\' AS a, "?1" AS b, :y AS c FROM (SELECT 2 AS "?1") -- :z', 3),
      [":x", 2, 3],
    );
    assert.deepEqual(ask("/* ? */ :größe AS a", { größe: 1 }), [1]);
  }),
);

test(
  "semicolons and comments before a statement hide none of its parameters",
  inMemory((db) => {
    for (
      const before of [";", " ;\n;", "/* ; */", "-- ;\n", ";-- ?\n/* ? */"]
    ) {
      const ask = (sql: string) => db.prepare(`${before} SELECT ${sql}`);
      assert.deepEqual(ask("? AS a, ? AS b").get(1, 2), { a: 1, b: 2 });
      assert.deepEqual(ask(":a AS a").get({ a: 1 }), { a: 1 });
      assert.throws(() => ask("1 AS a").get(1), TypeError);
    }
  }),
);

test(
  "a parameter that is not given is NULL",
  inMemory((db) => {
    assert.deepEqual(db.prepare("SELECT ? AS a, ? AS b").get(1), {
      a: 1,
      b: null,
    });
    assert.deepEqual(db.prepare("SELECT ? AS a").get(), { a: null });
    const named = db.prepare("SELECT :a AS a, :b AS b");
    assert.deepEqual(named.get({ a: 1 }), { a: 1, b: null });
    assert.deepEqual(named.get({ b: 1 }), { a: null, b: 1 });
    assert.deepEqual(named.get({}), { a: null, b: null });
    assert.deepEqual(named.get(), { a: null, b: null });
  }),
);

test(
  "a value that belongs to no parameter is refused",
  inMemory((db) => {
    db.exec("CREATE TABLE t (a)");
    const refused: [string, ...Value[] | [Record<string, Value>]][] = [
      ["INSERT INTO t VALUES (?)", 1, 2],
      ["INSERT INTO t VALUES (1)", 1],
      ["INSERT INTO t VALUES (:name)", { nmae: 1 }],
      ["INSERT INTO t VALUES (:name)", { name: 1, nmae: 1 }],
      ["INSERT INTO t VALUES (:name)", { "@name": 1 }],
      ["INSERT INTO t VALUES (?)", { name: 1 }],
    ];
    for (const [sql, ...values] of refused) {
      assert.throws(
        () => db.prepare(sql).run(...values as Value[]),
        { name: "TypeError", message: /^Cannot bind / },
        sql,
      );
    }
    assert.deepEqual(db.prepare("SELECT * FROM t").all(), []);
  }),
);

test(
  "rows are plain objects, whatever their columns are called",
  inMemory((db) => {
    const sql = 'SELECT 1 AS "__proto__", 2 AS constructor, 3 AS "", 4 AS "0"';
    const statement = db.prepare(sql);
    const rows = [statement.get(), ...statement.all(), ...statement.iterate()];
    assert.equal(rows.length, 3);
    for (const row of rows as Row[]) {
      assert.equal(Object.getPrototypeOf(row), Object.prototype);
      assert.deepEqual(
        new Map(Object.entries(row)),
        new Map([["0", 4], ["__proto__", 1], ["constructor", 2], ["", 3]]),
      );
    }
  }),
);

test(
  "of two columns with one name the last one counts",
  inMemory((db) => {
    const statement = db.prepare(
      "SELECT 1 AS a, 2 AS a, 9007199254740993 AS a",
    );
    assert.deepEqual(statement.get(), { a: 9007199254740993n });
    assert.deepEqual(statement.all(), [{ a: 9007199254740993n }]);
    assert.deepEqual(db.prepare("SELECT 1 AS a, 2 AS a").get(), { a: 2 });
  }),
);

test(
  "no row is undefined, and no rows are an empty array",
  inMemory((db) => {
    const statement = db.prepare("SELECT 1 WHERE 0");
    assert.equal(statement.get(), undefined);
    assert.deepEqual(statement.all(), []);
    assert.deepEqual([...statement.iterate()], []);
    assert.equal(db.prepare("CREATE TABLE t (a)").get(), undefined);
  }),
);

test(
  "large integers are exact in every row, and small ones stay numbers",
  inMemory((db) => {
    const sql = "SELECT value AS v FROM json_each('[1, 9007199254740993, 2]')";
    const statement = db.prepare(sql);
    const wanted = [{ v: 1 }, { v: 9007199254740993n }, { v: 2 }];
    assert.deepEqual(statement.all(), wanted);
    assert.deepEqual([...statement.iterate()], wanted);
    assert.deepEqual(statement.get(), { v: 1 });
    const real = db.prepare("SELECT 9007199254740992.0 AS v, 1e300 AS w");
    assert.deepEqual(real.get(), { v: 9007199254740992, w: 1e300 });
  }),
);

test(
  "large integers of RETURNING are exact, and it is run once",
  inMemory((db) => {
    db.exec("CREATE TABLE t (a INTEGER)");
    const insert = db.prepare("INSERT INTO t VALUES (?) RETURNING a");
    assert.deepEqual(insert.get(2n ** 62n + 1n), { a: 2n ** 62n + 1n });
    assert.deepEqual(insert.all(2n ** 61n + 1n), [{ a: 2n ** 61n + 1n }]);
    assert.deepEqual([...insert.iterate(5)], [{ a: 5 }]);
    assert.deepEqual(db.prepare("SELECT count(*) AS n FROM t").get(), { n: 3 });
  }),
);

test(
  "a loop over the rows of RETURNING has written them, and may write",
  withDatabase((path) => {
    const db = open(path);
    db.exec("CREATE TABLE t (a)");
    const insert = "INSERT INTO t VALUES (1), (2) RETURNING a";
    for (const { a } of db.prepare(insert).iterate()) {
      db.write(() =>
        db.prepare("INSERT INTO t VALUES (?)").run(Number(a) * 10)
      );
      assert.equal(query(path, "SELECT max(a) FROM t"), String(Number(a) * 10));
    }
    const rows = db.prepare(insert).iterate();
    rows.next();
    db.write(() => db.exec("INSERT INTO t VALUES (3)"));
    const with_ =
      "WITH w AS (SELECT 4) INSERT INTO t SELECT * FROM w RETURNING a";
    for (const _ of db.prepare(with_).iterate()) db.read(() => 0);
    db.close();
    const all = "SELECT group_concat(a) FROM t";
    assert.equal(query(path, all), "1,2,10,20,1,2,3,4");
  }),
);

test(
  "iterate can be left early, and the same SQL used inside the loop",
  inMemory((db) => {
    const sql = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n " +
      "WHERE i < 4) SELECT i FROM n";
    const seen: Value[] = [];
    for (const outer of db.prepare(sql).iterate()) {
      assert.deepEqual(db.prepare(sql).get(), { i: 1 });
      for (const inner of db.prepare(sql).iterate()) {
        seen.push(outer["i"] as Value, inner["i"] as Value);
        if (inner["i"] === 2) break;
      }
      if (outer["i"] === 3) break;
    }
    assert.deepEqual(seen, [1, 1, 1, 2, 2, 1, 2, 2, 3, 1, 3, 2]);
  }),
);

test(
  "a loop that is left lets the database be written and closed",
  withDatabase((path) => {
    const db = open(path, { onWarning: () => {} });
    db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)");
    for (const _row of db.prepare("SELECT a FROM t").iterate()) break;
    db.exec("DROP TABLE t");
    elsewhere(path, "CREATE TABLE u (a); PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    elsewhere(path, "PRAGMA journal_mode=DELETE"); // needs the file alone
  }),
);

test(
  "a column that another process adds or renames shows in a kept statement",
  withDatabase((path) => {
    const db = open(path, { onWarning: () => {} });
    db.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)");
    const all = db.prepare("SELECT * FROM t");
    assert.deepEqual(all.get(), { a: 1, b: 2 });
    elsewhere(path, "ALTER TABLE t ADD COLUMN c DEFAULT 3");
    assert.deepEqual(all.get(), { a: 1, b: 2, c: 3 });
    elsewhere(path, "ALTER TABLE t RENAME COLUMN a TO z");
    assert.deepEqual(all.all(), [{ z: 1, b: 2, c: 3 }]);
    elsewhere(path, "ALTER TABLE t RENAME COLUMN b TO y");
    assert.deepEqual([...all.iterate()], [{ z: 1, y: 2, c: 3 }]);
    assert.deepEqual(all.get(), { z: 1, y: 2, c: 3 });
    elsewhere(path, "ALTER TABLE t DROP COLUMN y");
    assert.deepEqual(all.get(), { z: 1, c: 3 });
    db.close();
  }),
);

test(
  "SQL without a statement is refused",
  inMemory((db) => {
    for (const sql of ["", "  ", "-- nothing"]) {
      assert.throws(() => db.prepare(sql).get(), Error);
    }
  }),
);
