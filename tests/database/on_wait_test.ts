import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { BusyError, type Database, open } from "../../mod.ts";
import { type Child, otherRuntime, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { pause } from "../fixtures/until.ts";
import { found } from "./fixtures/table.ts";

/** Shorter ones are not told. */
const FELT = 50;

type Told = [waitedMs: number, writers: number[]][];

interface Stage {
  db: Database;
  told: Told;
  /** Another process, which can hold the write lock. */
  holder: Child;
  path: string;
}

function staged(
  body: (stage: Stage) => Promise<void>,
  options: object = {},
): () => Promise<void> {
  return withDatabase(async (path) => {
    const told: Told = [];
    const onWait = (...wait: Told[number]) => void told.push(wait);
    const db = open(path, { onWait, onWarning: () => {}, ...options });
    db.exec("CREATE TABLE t (a)");
    const holder = start(otherRuntime(), "database_child.ts");
    await holder.ask({ do: "open", path });
    await body({ db, told, holder, path });
    db.close();
    holder.end();
    await holder.ended;
  });
}

function assertTold(told: Told, holder: Child): void {
  const [[waitedMs, writers] = []] = told;
  assert.equal(told.length, 1);
  assert.ok(waitedMs! >= FELT, String(waitedMs));
  // Elsewhere the kernel does not tell.
  const known = process.platform === "linux" ? [holder.pid] : [];
  assert.deepEqual(writers, known);
}

const WAYS: Record<string, (db: Database) => void> = {
  "a write": (db) => db.write(() => db.exec("INSERT INTO t VALUES (1)")),
  "a statement": (db) => void db.prepare("INSERT INTO t VALUES (1)").run(),
};

for (const [name, way] of Object.entries(WAYS)) {
  test(
    `${name} that waited is told, with who was in its way`,
    staged(async ({ db, told, holder }) => {
      way(db);
      assert.deepEqual(told, []);
      // The holder lets go by itself, and this process may come too late.
      while (told.length === 0) {
        await holder.ask({ do: "hold", ms: 400 });
        way(db);
      }
      assertTold(told, holder);
    }),
  );
}

test(
  "an async write that waited is told once it is committed",
  staged(async ({ db, told, holder, path }) => {
    await holder.ask({ do: "hold" });
    const first = db.writeAsync(() => db.exec("INSERT INTO t VALUES (1)"));
    await pause(4 * FELT);
    assert.deepEqual(told, []);
    await holder.ask({ do: "exec", sql: "COMMIT" });
    await first;
    assertTold(told, holder);
    assert.equal(found(path), "1");
    await db.writeAsync(() => db.exec("INSERT INTO t VALUES (2)"));
    assert.equal(told.length, 1);
  }),
);

test(
  "a listener that throws harms nothing, and it may write itself",
  withDatabase(async (path) => {
    let calls = 0;
    const db = open(path, {
      onWait() {
        calls++;
        db.write(() => db.exec("INSERT INTO t VALUES (2)"));
        throw new Error("on purpose");
      },
    });
    db.exec("CREATE TABLE t (a)");
    const holder = start(otherRuntime(), "database_child.ts");
    await holder.ask({ do: "open", path });
    await holder.ask({ do: "hold" });
    const first = db.writeAsync(() => db.exec("INSERT INTO t VALUES (1)"));
    await pause(4 * FELT);
    await holder.ask({ do: "exec", sql: "COMMIT" });
    await first;
    assert.equal(calls, 1);
    assert.equal(found(path), "1,2");
    db.close();
    holder.end();
    await holder.ended;
  }),
);

test(
  "a listener whose own write fails refuses nothing that was committed",
  withDatabase(async (path) => {
    let calls = 0;
    const db = open(path, {
      onWait() {
        calls++;
        db.write(() => db.exec("no SQL"));
      },
    });
    db.exec("CREATE TABLE t (a)");
    const holder = start(otherRuntime(), "database_child.ts");
    await holder.ask({ do: "open", path });
    const inner: Promise<void>[] = [];
    // The holder lets go by itself, and this process may come too late.
    while (calls === 0) {
      await holder.ask({ do: "hold", ms: 400 });
      db.write(() => {
        inner.push(db.writeAsync(() => db.exec("INSERT INTO t VALUES (1)")));
      });
    }
    await Promise.all(inner);
    assert.equal(found(path), inner.map(() => 1).join());
    db.close();
    holder.end();
    await holder.ended;
  }),
);

test(
  "a write that was refused is told by its error alone",
  staged(async ({ db, told, holder }) => {
    await holder.ask({ do: "hold" });
    assert.throws(() => db.write(() => {}), BusyError);
    await assert.rejects(db.writeAsync(() => {}), BusyError);
    await holder.ask({ do: "exec", sql: "COMMIT" });
    db.write(() => {});
    assert.deepEqual(told, []);
  }, { busyTimeout: 2 * FELT }),
);
