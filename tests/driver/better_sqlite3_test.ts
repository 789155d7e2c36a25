import assert from "node:assert/strict";
import { test } from "node:test";
import { adopt, type Database } from "../../mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";

const skip = withoutPackages ||
  ("Bun" in globalThis && "Bun does not load it");
const ALL = "SELECT group_concat(a) FROM t";

/** What the tests use of it. */
interface Better {
  readonly inTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): { iterate(): Iterator<unknown> };
  pragma(sql: string, how: { simple: true }): unknown;
  unsafeMode(on: boolean): void;
  close(): void;
}

/** A connection of its owner's with three rows, and a handle on it. */
function adopted(path: string): { native: Better; db: Database } {
  const native = new (load("better-sqlite3"))(path) as unknown as Better;
  native.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)");
  return { native, db: adopt(native, { onWarning: () => {} }) };
}

for (const whose of ["of the handle", "of its owner"]) {
  for (const end of ["returns", "throws"]) {
    test(
      `a body that ${end} in the midst of a loop over rows ${whose} leaves no transaction`,
      { skip },
      withDatabase((path) => {
        const { native, db } = adopted(path);
        const one = whose === "of the handle" ? db : native;
        const select = one.prepare("SELECT a FROM t");
        let rows: Iterator<unknown> | undefined;
        const body = () => {
          db.exec("INSERT INTO t VALUES (4)");
          rows = select.iterate();
          rows.next();
          if (end === "throws") throw new Error("undo all");
        };
        if (end === "throws") assert.throws(() => db.write(body), /undo all/);
        else db.write(body);
        assert.equal(native.inTransaction, false);
        const kept = end === "throws" ? "1,2,3" : "1,2,3,4";
        assert.equal(query(path, ALL), kept);
        elsewhere(path, "INSERT INTO t VALUES (5)");
        rows?.return?.();
        db.write(() => db.exec("INSERT INTO t VALUES (6)"));
        db.prepare("INSERT INTO t VALUES (7)").run();
        db.close();
        native.close();
        assert.equal(query(path, ALL), `${kept},5,6,7`);
      }),
    );
  }
}

test(
  "its owner's timeout is what it was in a loop over rows, and after it",
  { skip },
  withDatabase((path) => {
    const { native, db } = adopted(path);
    const timeout = () => {
      // In a loop over rows it would not even tell it.
      native.unsafeMode(true);
      const ms = native.pragma("busy_timeout", { simple: true });
      native.unsafeMode(false);
      return ms;
    };
    const before = timeout();
    assert.equal(before, 5000);
    for (
      const sql of [
        "SELECT a FROM t",
        "WITH w AS (SELECT a FROM t) SELECT a FROM w",
        "PRAGMA table_info(t)",
      ]
    ) {
      for (const _row of db.prepare(sql).iterate()) {
        assert.equal(timeout(), before, sql);
      }
      assert.equal(timeout(), before, sql);
    }
    db.close();
    native.close();
  }),
);

test(
  "what a trigger says of itself has nothing run twice",
  {
    skip,
  },
  withDatabase((path) => {
    const { native, db } = adopted(path);
    native.exec(
      "CREATE TABLE u (a); CREATE TRIGGER g BEFORE INSERT ON u " +
        "BEGIN SELECT RAISE(ABORT, 'TypeError: busy executing'); END",
    );
    const both = () =>
      db.exec("INSERT INTO t VALUES (4); INSERT INTO u VALUES (1)");
    assert.throws(both, /busy executing/);
    assert.equal(query(path, ALL), "1,2,3,4");
    db.close();
    native.close();
  }),
);
