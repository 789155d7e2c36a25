import assert from "node:assert/strict";
import { existsSync, renameSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  BusyError,
  type LitelatchError,
  open,
  openAsync,
  type OpenOptions,
} from "../../mod.ts";
import { elsewhere, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const QUIET: OpenOptions = { heartbeat: false, onWarning: () => {} };

test(
  "a file that is replaced while it is opened is not taken for the open one",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (n)");
    elsewhere(`${path}.new`, "PRAGMA journal_mode=WAL; CREATE TABLE t (n)");
    const holder = raw(path);
    // Else its WAL has no shared index, and it cannot let go any more.
    holder.exec("SELECT count(*) FROM t");
    holder.exec("PRAGMA locking_mode=EXCLUSIVE; INSERT INTO t VALUES (1)");
    const opening = openAsync(path, { ...QUIET, busyTimeout: 60_000 });
    // It is connected now, and waits.
    await pause(50);
    renameSync(path, `${path}.old`);
    renameSync(`${path}.new`, path);
    holder.exec("PRAGMA locking_mode=NORMAL");
    holder.exec("SELECT count(*) FROM t");
    await assert.rejects(opening, (error: LitelatchError) => {
      assert.equal(error.code, "LITELATCH_OPEN");
      assert.match(
        error.message,
        /replaced since it was opened; open it again/,
      );
      return true;
    });
    holder.close();
  }),
);

test(
  "a reader of a rollback database loses nothing when others come and go",
  withDatabase(async (path) => {
    elsewhere(path, "CREATE TABLE t (n); INSERT INTO t VALUES (1)");
    const db = open(path, { ...QUIET, readOnly: true, heartbeat: 20 });
    const count = db.prepare("SELECT count(*) AS n FROM t");
    assert.deepEqual(count.get(), { n: 1 });
    const other = start(thisRuntime(), "database_child.ts");
    await other.ask({ do: "open", path, options: { lock: "shared" } });
    await other.ask({ do: "write", sql: "INSERT INTO t VALUES (2)" });
    assert.ok(existsSync(`${path}-wal`));
    await pause(200);
    await other.ask({ do: "close" });
    assert.ok(!existsSync(`${path}-wal`), "the other one was the last");
    await pause(200);
    assert.deepEqual(count.get(), { n: 2 });
    db.close();
  }),
);

// About two milliseconds, with the file locked against readers.
const HOLD = "BEGIN EXCLUSIVE; INSERT INTO t WITH RECURSIVE c(n) AS " +
  "(SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) " +
  "SELECT max(n) FROM c; COMMIT";

interface Shared {
  open: Set<unknown>;
  endings: Map<string, { calls: Set<unknown> }>;
}

test(
  "an open that fails leaves no handle behind",
  withDatabase(async (path) => {
    elsewhere(path, "CREATE TABLE t (n)");
    const symbol = Symbol.for("litelatch/1");
    const shared = () =>
      (process as unknown as Record<symbol, Shared | undefined>)[symbol];
    open(path, QUIET).close();
    assert.ok(shared() !== undefined);
    const leaving = shared()?.endings.get("exit")?.calls.size ?? 0;
    const other = start(thisRuntime(), "database_child.ts");
    await other.ask({ do: "open", path, options: { lock: "none" } });
    await other.ask({ do: "exec", sql: "PRAGMA journal_mode=DELETE" });
    // On Wine each takes up to a second.
    const count = needs("unlinking") ? 50 : 400;
    const rounds = Array.from(
      { length: count },
      () => other.ask({ do: "exec", sql: HOLD }),
    );
    // The last thing that may fail comes after the settings: 7 of 58 did there.
    for (let round = 0; round < count; round++) {
      try {
        open(path, { ...QUIET, readOnly: true, busyTimeout: 1 }).close();
      } catch (error) {
        assert.ok(error instanceof BusyError, String(error));
      }
    }
    await Promise.all(rounds);
    assert.equal(shared()?.open.size, 0);
    assert.equal(shared()?.endings.get("exit")?.calls.size ?? 0, leaving);
  }),
);

test(
  "another journal mode and back again is no lost WAL",
  withDatabase((path) => {
    const db = open(path, QUIET);
    db.exec("CREATE TABLE t (n)");
    for (const mode of ["DELETE", "WAL"]) {
      db.exec(`PRAGMA journal_mode=${mode}`);
      db.write(() => db.exec("INSERT INTO t VALUES (1)"));
    }
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM t"), "2");
  }),
);
