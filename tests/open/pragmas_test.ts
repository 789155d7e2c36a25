import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import {
  BusyError,
  type Database,
  open,
  openAsync,
  type OpenOptions,
} from "../../mod.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

/** What SQLite itself says about a connection. */
function pragmas(db: Database): Record<string, unknown> {
  const names = [
    "journal_mode",
    "busy_timeout",
    "synchronous",
    "journal_size_limit",
    "wal_autocheckpoint",
    "foreign_keys",
  ];
  return Object.fromEntries(names.map((name) => {
    return [name, Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]];
  }));
}

const DEFAULTS = {
  journal_mode: "wal",
  busy_timeout: 5000,
  synchronous: 1,
  journal_size_limit: 16 * 1024 * 1024,
  // SQLite 3.49 has the WAL-reset bug and gets no checkpoints of ours.
  wal_autocheckpoint: thisRuntime().id === "node22" ? 1000 : 0,
  foreign_keys: 1,
};

const SETTINGS: [options: OpenOptions, pragma: string, value: number][] = [
  [{ busyTimeout: 0 }, "busy_timeout", 0],
  [{ busyTimeout: 2147483647 }, "busy_timeout", 2147483647],
  [{ synchronous: "full" }, "synchronous", 2],
  [{ journalSizeLimit: 0 }, "journal_size_limit", 0],
  [{ journalSizeLimit: 2 ** 40 }, "journal_size_limit", 2 ** 40],
  [{ walAutocheckpoint: 0 }, "wal_autocheckpoint", 0],
  [{ foreignKeys: false }, "foreign_keys", 0],
];

test(
  "a database has the settings that are promised",
  withDatabase((path) => {
    const db = open(path, { onWarning: () => {} });
    assert.deepEqual(pragmas(db), DEFAULTS);
    db.exec("CREATE TABLE t (a)");
    assert.ok(existsSync(`${path}-wal`));
    db.close();
  }),
);

for (const [options, pragma, value] of SETTINGS) {
  const [name, asked] = Object.entries(options)[0] as [string, unknown];
  test(
    `${name}: ${asked} is what SQLite then has, and nothing else changes`,
    withDatabase((path) => {
      const db = open(path, { onWarning: () => {}, ...options });
      assert.deepEqual(pragmas(db), { ...DEFAULTS, [pragma]: value });
      db.close();
    }),
  );
}

test(
  "foreign keys are enforced unless that is switched off",
  withDatabase((path) => {
    for (const foreignKeys of [true, false]) {
      const db = open(path, { onWarning: () => {}, foreignKeys });
      db.exec(`CREATE TABLE IF NOT EXISTS p (id INTEGER PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS c (p REFERENCES p)`);
      const insert = () => db.exec("INSERT INTO c VALUES (9)");
      if (foreignKeys) assert.throws(insert, /FOREIGN KEY/);
      else insert();
      db.close();
    }
  }),
);

test("a database in memory has no WAL, and the other settings", () => {
  const db = open(":memory:", { onWarning: () => {}, synchronous: "full" });
  assert.equal(db.path, ":memory:");
  assert.equal(db.lock, null);
  const { journal_mode, busy_timeout, synchronous, foreign_keys } = pragmas(db);
  assert.deepEqual(
    { journal_mode, busy_timeout, synchronous, foreign_keys },
    {
      journal_mode: "memory",
      busy_timeout: 5000,
      synchronous: 2,
      foreign_keys: 1,
    },
  );
  db.close();
});

test(
  "a database that was in DELETE mode is switched to WAL for good",
  withDatabase((path) => {
    assert.equal(query(path, "PRAGMA journal_mode=DELETE"), "delete");
    query(path, "CREATE TABLE t (a)");
    open(path, { onWarning: () => {} }).close();
    assert.equal(query(path, "PRAGMA journal_mode"), "wal");
  }),
);

test(
  "a read-only handle takes the journal mode as it is",
  withDatabase((path) => {
    query(path, "PRAGMA journal_mode=DELETE");
    query(path, "CREATE TABLE t (a)");
    const db = open(path, { onWarning: () => {}, readOnly: true });
    assert.equal(pragmas(db)["journal_mode"], "delete");
    assert.throws(() => db.exec("INSERT INTO t VALUES (1)"), /readonly/);
    db.close();
  }),
);

test(
  "where another process keeps WAL from being granted, open says so in time",
  { skip: needs("/proc") },
  withDatabase(async (path) => {
    const other = start(otherRuntime(), "database_child.ts");
    query(path, "PRAGMA journal_mode=DELETE");
    query(path, "CREATE TABLE t (a)");
    const bare = { lock: "none", readOnly: true };
    await other.ask({ do: "open", path, options: bare });
    await other.ask({ do: "exec", sql: "BEGIN; SELECT * FROM t" });
    const options = { onWarning: () => {}, busyTimeout: 60 };
    const began = performance.now();
    assert.throws(() => open(path, options), (error: unknown) => {
      assert.ok(error instanceof BusyError, String(error));
      assert.match(error.message, /in WAL mode/);
      // The kernel shows who it is, to those whom it may show it.
      assert.deepEqual(error.writers, [other.pid]);
      assert.match(error.message, new RegExp(`by PID ${other.pid} \\(`));
      assert.ok(error.waitedMs >= 60);
      return true;
    });
    assert.ok(performance.now() - began >= 60);
    await other.ask({ do: "exec", sql: "COMMIT" });
    open(path, options).close();
    assert.equal(query(path, "PRAGMA journal_mode"), "wal");
  }),
);

test(
  "open waits for a reader that lets go before the deadline",
  withDatabase(async (path) => {
    query(path, "PRAGMA journal_mode=DELETE");
    query(path, "CREATE TABLE t (a)");
    const other = start(otherRuntime(), "database_child.ts");
    const bare = { lock: "none", readOnly: true };
    await other.ask({ do: "open", path, options: bare });
    await other.ask({ do: "hold", sql: "BEGIN; SELECT * FROM t", ms: 150 });
    const db = open(path, { onWarning: () => {}, busyTimeout: 20_000 });
    assert.equal(pragmas(db)["journal_mode"], "wal");
    db.close();
  }),
);

test(
  "an openAsync that is aborted in this wait keeps neither lock nor file",
  withDatabase(async (path) => {
    query(path, "PRAGMA journal_mode=DELETE");
    query(path, "CREATE TABLE t (a)");
    const other = start(otherRuntime(), "database_child.ts");
    const bare = { lock: "none", readOnly: true };
    await other.ask({ do: "open", path, options: bare });
    await other.ask({ do: "exec", sql: "BEGIN; SELECT * FROM t" });
    const reason = new Error("no longer wanted");
    const control = new AbortController();
    const opening = openAsync(path, {
      onWarning: () => {},
      busyTimeout: 20_000,
      signal: control.signal,
    });
    setTimeout(() => control.abort(reason), 30);
    await assert.rejects(opening, (error) => error === reason);
    await other.ask({ do: "close" });
    const options = { lock: "exclusive" };
    const { message } = await other.ask({ do: "open", path, options });
    assert.equal(message, undefined);
    await other.ask({ do: "close" });
  }),
);
