import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { adopt, type Database, open } from "../../mod.ts";
import { locksOn, pidsAt } from "../../src/os/procfs.ts";
import { stat } from "../../src/os/stat.ts";
import { start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";
import { pause, until } from "../fixtures/until.ts";

// https://sqlite.org/walformat.html#wal_locks
const WAL_CHECKPOINT = 121;
const STILL = { heartbeat: false, onWarning: () => {} } as const;
const buggy = thisRuntime().id === "node22"
  ? "SQLite 3.49 has the WAL-reset bug, so there are no checkpoints of ours"
  : false;
const eager = thisRuntime().id === "deno"
  ? "Deno 2.9 takes all rows at once, as its own loop hides errors"
  : false;

function make(path: string): Database {
  const db = open(path, STILL);
  db.exec("CREATE TABLE IF NOT EXISTS t (n INTEGER)");
  for (let n = 0; n < 10; n++) {
    db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(n));
  }
  return db;
}

test(
  "checkpoint() empties the WAL and says what it did",
  { skip: buggy },
  withDatabase((path) => {
    const db = make(path);
    const result = db.checkpoint();
    assert.ok(result.walBytesBefore > 10 * 4096, `${result.walBytesBefore}`);
    assert.ok(result.log >= 10, `${result.log}`);
    assert.deepEqual(result, {
      walBytesBefore: result.walBytesBefore,
      walBytesAfter: 0,
      log: result.log,
      checkpointed: result.log,
      blocked: false,
      blockedBy: [],
      reason: null,
    });
    // Nothing is left to do.
    assert.deepEqual(db.checkpoint(), {
      walBytesBefore: 0,
      walBytesAfter: 0,
      log: 0,
      checkpointed: 0,
      blocked: false,
      blockedBy: [],
      reason: null,
    });
    db.close();
  }),
);

test(
  "a reader of an old snapshot is named",
  { skip: buggy },
  withDatabase(async (path) => {
    const db = make(path);
    const reader = start(
      runtimes().find(({ id }) => id === "bun") ?? thisRuntime(),
      "database_child.ts",
    );
    await reader.ask({ do: "open", path, options: { app: "pinning" } });
    await reader.ask({ do: "exec", sql: "BEGIN; SELECT count(*) FROM t" });
    db.exec("INSERT INTO t VALUES (11)");
    const result = db.checkpoint();
    assert.equal(result.blocked, true);
    assert.equal(result.reason, "a reader keeps an old snapshot");
    assert.ok(result.checkpointed < result.log, JSON.stringify(result));
    assert.ok(result.walBytesAfter >= result.walBytesBefore);
    if (result.blockedBy !== null) {
      assert.deepEqual(result.blockedBy.map(({ pid }) => pid), [reader.pid]);
      assert.equal(result.blockedBy[0]?.app, "pinning");
    }
    await reader.ask({ do: "exec", sql: "COMMIT" });
    assert.equal(db.checkpoint().blocked, false);
    db.close();
  }),
);

test(
  "a writer that does not end is named, and nothing is lost by it",
  { skip: buggy },
  withDatabase(async (path) => {
    const db = make(path);
    const writer = start(thisRuntime(), "database_child.ts");
    await writer.ask({ do: "open", path });
    await writer.ask({ do: "hold", sql: "BEGIN IMMEDIATE" });
    const result = db.checkpoint();
    assert.equal(result.blocked, true);
    assert.match(result.reason ?? "", /^a transaction is open; all that is/);
    assert.equal(result.checkpointed, result.log);
    if (result.blockedBy !== null) {
      assert.deepEqual(result.blockedBy.map(({ pid }) => pid), [writer.pid]);
    }
    await writer.ask({ do: "exec", sql: "COMMIT" });
    assert.equal(db.checkpoint().blocked, false);
    // The ambient timeout is what it was.
    assert.equal(
      Object.values(db.prepare("PRAGMA busy_timeout").get() ?? {})[0],
      5000,
    );
    db.close();
  }),
);

test(
  "an own loop over rows is said to be in the way",
  { skip: buggy || eager },
  withDatabase((path) => {
    const db = make(path);
    const rows = db.prepare("SELECT n FROM t").iterate();
    rows.next();
    const result = db.checkpoint();
    assert.equal(result.blocked, true);
    assert.match(result.reason ?? "", /loop over rows of this very connection/);
    assert.equal(result.log, -1);
    if (result.blockedBy !== null) {
      assert.deepEqual(result.blockedBy.map(({ pid }) => pid), [process.pid]);
    }
    rows.return?.();
    assert.equal(db.checkpoint().blocked, false);
    db.close();
  }),
);

test(
  "another checkpoint under way is told from a reader",
  { skip: buggy || needs("/proc") },
  withDatabase(async (path) => {
    const db = make(path);
    const holder = start(thisRuntime(), "database_child.ts");
    await holder.ask({ do: "open", path });
    await holder.ask({ do: "exec", sql: "BEGIN; SELECT count(*) FROM t" });
    db.exec("INSERT INTO t VALUES (11)");
    // It waits for the reader for longer than all our attempts together.
    const other = start(thisRuntime(), "database_child.ts");
    await other.ask({ do: "open", path, options: { heartbeat: false } });
    await other.ask({ do: "exec", sql: "PRAGMA busy_timeout=20000" });
    const sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    other.say(JSON.stringify({ do: "exec", sql }));
    // Two that begin together: SQLite waits for readers, but not for the lock
    // of checkpoints. So ours must not be there before it.
    await until("it has begun", () => {
      const shared = stat(`${path}-shm`);
      const locks = shared === null ? [] : locksOn(shared);
      return locks === null ||
        pidsAt(locks, WAL_CHECKPOINT, true).includes(other.pid);
    });
    let seen = "";
    for (let i = 0; i < 50 && !seen.startsWith("another"); i++) {
      await pause(10);
      seen = db.checkpoint().reason ?? "";
    }
    assert.equal(seen, "another checkpoint is under way");
    await holder.ask({ do: "exec", sql: "COMMIT" });
    await other.line();
    db.close();
  }),
);

test(
  "checkpoint() is refused inside a transaction",
  withDatabase((path) => {
    const db = make(path);
    const busy = { code: "LITELATCH_BUSY" };
    db.write(() => assert.throws(() => db.checkpoint(), busy));
    db.read(() => assert.throws(() => db.checkpoint(), busy));
    db.exec("BEGIN");
    assert.throws(() => db.checkpoint(), busy);
    db.exec("COMMIT");
    db.close();
    assert.throws(() => db.checkpoint(), { code: "LITELATCH_CLOSED" });
  }),
);

test(
  "checkpoint() works on an adopted connection",
  { skip: buggy },
  withDatabase((path) => {
    make(path).close();
    const bare = raw(path);
    const db = adopt(bare.native, STILL);
    db.exec("INSERT INTO t VALUES (12)");
    const { blocked, walBytesBefore, walBytesAfter } = db.checkpoint();
    assert.ok(!blocked && walBytesBefore > 0 && walBytesAfter === 0);
    db.close();
    bare.close();
  }),
);

test(
  "checkpoint() of a database in memory has nothing to do",
  { skip: buggy },
  () => {
    const db = open(":memory:");
    db.exec("CREATE TABLE t (n)");
    assert.deepEqual(db.checkpoint(), {
      walBytesBefore: 0,
      walBytesAfter: 0,
      log: 0,
      checkpointed: 0,
      blocked: false,
      blockedBy: [],
      reason: null,
    });
    db.close();
  },
);

test(
  "checkpoint() of a handle that only reads says so",
  { skip: buggy },
  withDatabase((path) => {
    const writer = make(path);
    const db = open(path, { ...STILL, readOnly: true });
    const { blocked, reason } = db.checkpoint();
    assert.equal(blocked, true);
    assert.match(reason ?? "", /readOnly/);
    db.close();
    writer.close();
  }),
);

test(
  "with the WAL-reset bug there is no checkpoint, and the reason is said",
  { skip: buggy === false ? "the SQLite of this runtime is sound" : false },
  withDatabase((path) => {
    const db = make(path);
    const result = db.checkpoint();
    assert.equal(result.blocked, true);
    assert.match(
      result.reason ?? "",
      /SQLite 3\.49\.\d+ has the WAL-reset bug/,
    );
    assert.equal(result.walBytesAfter, result.walBytesBefore);
    assert.ok(result.walBytesAfter > 0);
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM t"), "10");
  }),
);
