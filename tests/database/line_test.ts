import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyError, open } from "../../mod.ts";
import { query } from "../fixtures/folder.ts";
import { withTable } from "./fixtures/table.ts";

const MANY = 10_000;
const LONG = 1000;

/** Another connection of this process, which has the write lock. */
function holding(path: string): { end(): void } {
  const other = open(path, { onWarning: () => {} });
  other.exec("BEGIN IMMEDIATE");
  return {
    end() {
      other.exec("ROLLBACK");
      other.close();
    },
  };
}

test(
  "writes that queue in one process are served in the order of their calls",
  withTable(async (db, path) => {
    const holder = holding(path);
    const served: number[] = [];
    const writing = Array.from({ length: MANY }, (_, i) =>
      db.writeAsync(() => {
        db.prepare("INSERT INTO t VALUES (?)").run(i);
        served.push(i);
      }));
    setTimeout(() => holder.end(), 20);
    await Promise.all(writing);
    assert.deepEqual(served, Array.from({ length: MANY }, (_, i) => i));
    assert.equal(query(path, "SELECT count(*) FROM t"), String(MANY));
  }, { busyTimeout: 60_000 }),
);

test(
  "whoever is aborted in the middle of the queue leaves it at once",
  withTable(async (db, path) => {
    const holder = holding(path);
    const control = new AbortController();
    const reason = new Error("enough waited");
    const served: number[] = [];
    const first = db.writeAsync(() => served.push(0));
    const aborted = Array.from(
      { length: 100 },
      () => db.writeAsync(() => served.push(-1), { signal: control.signal }),
    );
    const last = db.writeAsync(() => served.push(1));
    setTimeout(() => control.abort(reason), 5);
    // The holder lets go only when all of them have gone.
    for (const writing of aborted) {
      await assert.rejects(writing, (error) => error === reason);
    }
    assert.deepEqual(served, []);
    holder.end();
    await Promise.all([first, last]);
    assert.deepEqual(served, [0, 1]);
  }, { busyTimeout: 60_000 }),
);

test(
  "each write in the queue has a deadline of its own",
  withTable(async (db, path) => {
    const holder = holding(path);
    // Its wait is shorter than that of five hundred deadlines in a row.
    const patient = open(path, { onWarning: () => {}, busyTimeout: 25_000 });
    let isOver = false;
    const writing = patient.writeAsync(() => {}).finally(() => isOver = true);
    const refused = await Promise.allSettled(
      Array.from({ length: 500 }, () => db.writeAsync(() => {})),
    );
    assert.equal(isOver, false);
    for (const one of refused) {
      assert.ok(one.status === "rejected" && one.reason instanceof BusyError);
    }
    holder.end();
    await writing;
    patient.close();
  }, { busyTimeout: 100 }),
);

test(
  "while one waits for long the event loop goes on, and it waits to the end",
  withTable(async (db, path) => {
    const holder = holding(path);
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    const start = performance.now();
    await assert.rejects(db.writeAsync(() => {}), BusyError);
    const waited = performance.now() - start;
    clearInterval(ticking);
    // Clocks are read before and after, and a sleep may end a little early.
    assert.ok(waited >= 0.9 * LONG, String(waited));
    assert.ok(turns >= 5, String(turns));
    holder.end();
  }, { busyTimeout: LONG }),
);

test(
  "a body that throws keeps nobody else from a turn",
  withTable(async (db, path) => {
    const holder = holding(path);
    const error = new Error("on purpose");
    const throwing = db.writeAsync(() => {
      throw error;
    });
    const next = db.writeAsync(() => "written");
    setTimeout(() => holder.end(), 5);
    await assert.rejects(throwing, (thrown) => thrown === error);
    assert.equal(await next, "written");
  }, { busyTimeout: 60_000 }),
);

test(
  "many bodies that throw cost no look at all the others each",
  withTable(async (db) => {
    let looks = 0;
    const signal = {
      throwIfAborted: () => {},
      get aborted() {
        looks++;
        return false;
      },
    } as AbortSignal;
    const ended = await Promise.allSettled(
      Array.from({ length: MANY }, () =>
        db.writeAsync(() => {
          throw new TypeError("on purpose");
        }, { signal })),
    );
    const others = ended.filter((one) =>
      one.status !== "rejected" || !(one.reason instanceof TypeError)
    );
    assert.deepEqual(others, []);
    // Half of the square took longer than they may wait by default.
    assert.ok(looks < MANY * MANY / 4, String(looks));
  }, { busyTimeout: 100_000 }),
);

test(
  "who was too late in the queue is told that, where nobody else has a lock",
  withTable(async (db) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    const ended = await Promise.allSettled(
      Array.from(
        { length: 100 },
        () => db.writeAsync(() => void Atomics.wait(word, 0, 0, 5)),
      ),
    );
    const refused = ended.flatMap((one) =>
      one.status === "rejected" ? [one.reason] : []
    );
    assert.ok(refused.length > 0);
    for (const error of refused) {
      assert.ok(error instanceof BusyError);
      assert.match(error.message, /": earlier calls came first\. This is PID/);
      assert.deepEqual(error.writers, []);
    }
  }, { busyTimeout: 0 }),
);
