import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { adopt, BusyError, LockedError, open } from "../../mod.ts";
import type { Connection } from "../../src/driver/contract.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { missing, needs } from "../fixtures/machine.ts";
import { until } from "../fixtures/until.ts";

const skip = needs("/proc") || (SQLITE3 === undefined && "needs sqlite3");

function busy(act: () => void): BusyError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof BusyError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was not busy" });
}

test(
  "a busy write names a writer that knows nothing of litelatch",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const { child, run } = startSqlite3(path);
    const bystander = start(otherRuntime(), "database_child.ts");
    await bystander.ask({ do: "open", path, options: { app: "bystander" } });
    await run("BEGIN IMMEDIATE");
    const db = open(path, { busyTimeout: 20, heartbeat: false });
    const error = busy(() => db.write(() => {}));
    assert.deepEqual(error.writers, [child.pid]);
    assert.match(
      error.message,
      new RegExp(`write lock is held by PID ${child.pid} \\(sqlite3,`),
    );
    assert.doesNotMatch(error.message, /bystander/);
    db.close();
  }),
);

test(
  "in rollback mode a busy reader is told who has the exclusive lock",
  { skip },
  withDatabase(async (path) => {
    const { child, run } = startSqlite3(path);
    await run("CREATE TABLE t (x); BEGIN EXCLUSIVE");
    const db = busyReader(path);
    assert.deepEqual(db.writers, [child.pid]);
    assert.match(db.message, new RegExp(`PID ${child.pid} \\(sqlite3`));
    await run("COMMIT; BEGIN IMMEDIATE");
    const reader = open(path, { readOnly: true, lock: "none" });
    assert.deepEqual(reader.prepare("SELECT count(*) AS n FROM t").get(), {
      n: 0,
    });
    reader.close();
  }),
);

const untraced = missing(["strace", "-o", "/dev/null", "true"]);
// It follows who has started it, which is allowed where a stranger is not.
const STRACE = ["strace", "-D", "-o", "/dev/null"];

for (
  const [how, words, lacking] of [
    ["stopped", "stopped: kill -CONT PID", false],
    ["held by a debugger", "held by a debugger", untraced],
  ] as const
) {
  test(
    `a writer that is ${how} is said to be so`,
    { skip: skip || lacking },
    withDatabase(async (path) => {
      elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
      const before = how === "stopped" ? [] : STRACE;
      const { child, run } = startSqlite3(path, before);
      await run("BEGIN IMMEDIATE");
      const is = (state: RegExp) =>
        until(
          `it is ${how}`,
          () => state.test(readFileSync(`/proc/${child.pid}/status`, "utf8")),
        );
      child.kill("SIGSTOP");
      await is(how === "stopped" ? /^State:\tT/m : /^State:\tt/m);
      const db = open(path, { busyTimeout: 20, heartbeat: false });
      const said = words.replace("PID", String(child.pid));
      assert.ok(busy(() => db.write(() => {})).message.includes(`, ${said})`));
      db.close();
      child.kill("SIGKILL");
      await child.ended;
    }),
  );
}

for (const inside of [false, true]) {
  test(
    `a lock on a database that the owner attached is named there${
      inside ? ", in a transaction of its own too" : ""
    }`,
    { skip },
    withDatabase(async (path, folder) => {
      const second = join(folder, "second.db");
      elsewhere(second, "PRAGMA journal_mode=WAL; CREATE TABLE u (x)");
      const native = raw(path).native as { exec(sql: string): void };
      const db = adopt(native, { busyTimeout: 20, heartbeat: false });
      db.exec("CREATE TABLE t (x)");
      native.exec(`ATTACH '${second}' AS second`);
      const { child, run } = startSqlite3(second);
      await run("BEGIN IMMEDIATE");
      const add = () => db.exec("INSERT INTO second.u VALUES (1)");
      if (inside) native.exec("BEGIN; INSERT INTO t VALUES (1)");
      const errors = [busy(add)];
      if (inside) native.exec("ROLLBACK");
      else errors.push(busy(() => db.write(add)));
      for (const error of errors) {
        assert.deepEqual(error.writers, [child.pid]);
        assert.match(error.message, /attached ".*second\.db" is held by PID/);
      }
      db.close();
    }),
  );
}

test(
  "the owner's loop over rows is called a loop, and nobody waits for it",
  withDatabase((path) => {
    const native = raw(path).native as Looping;
    const db = adopt(native, { busyTimeout: 60_000, heartbeat: false });
    db.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)");
    const rows = native.prepare("SELECT x FROM t").iterate()[Symbol.iterator]();
    rows.next();
    db.write(() => db.exec("INSERT INTO t VALUES (3)")); // nobody was sooner
    elsewhere(path, "INSERT INTO t VALUES (4)");
    const start = performance.now();
    const error = busy(() => db.write(() => {}));
    assert.match(error.message, /loop over rows that is under way/);
    assert.match(error.message, /take all\(\) rows before you write/);
    assert.ok(performance.now() - start < 60_000);
    rows.return?.();
    db.write(() => db.exec("INSERT INTO t VALUES (5)"));
    db.close();
  }),
);

/** The part of a driver's connection that a loop needs. */
interface Looping {
  prepare(sql: string): { iterate(): Iterable<unknown> };
}

function busyReader(path: string): BusyError {
  const options = { readOnly: true, busyTimeout: 20, lock: "none" } as const;
  return busy(() => {
    const db = open(path, options);
    try {
      db.prepare("SELECT count(*) FROM t").get();
    } finally {
      db.close();
    }
  });
}

test(
  "a refusal names the holder whose pidfile is gone, beside the others",
  { skip },
  withDatabase(async (path, folder) => {
    const [known, unknown] = [0, 1].map(() =>
      start(otherRuntime(), "database_child.ts")
    );
    await unknown!.ask({ do: "open", path });
    for (const name of readdirSync(folder)) {
      if (name.includes(".pid-")) rmSync(join(folder, name));
    }
    await known!.ask({ do: "open", path, options: { app: "known" } });
    for (let times = 0; times < 3; times++) {
      const refused = refusal(path);
      assert.deepEqual(
        refused.holders.map(({ pid }) => pid).sort(),
        [known!.pid, unknown!.pid].sort(),
      );
      assert.match(refused.message, new RegExp(`PID ${known!.pid} \\(known, `));
      // It is not registered, so its command line speaks for it.
      assert.match(
        refused.message,
        new RegExp(`PID ${unknown!.pid} \\(.*database_child\\.ts`),
      );
    }
  }),
);

function refusal(path: string): LockedError {
  try {
    open(path, { lock: "exclusive" }).close();
  } catch (error) {
    assert.ok(error instanceof LockedError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was not refused" });
}

test(
  "an error of another database that a body lets through blames nobody here",
  withDatabase(async (path, folder) => {
    const [holder, other] = [1, 2].map(() => {
      return raw(join(folder, "other.db"));
    }) as [Connection, Connection];
    holder.exec("BEGIN IMMEDIATE");
    other.exec("PRAGMA busy_timeout=0");
    const db = open(path, { busyTimeout: 20, heartbeat: false });
    let seen: unknown;
    const body = () => {
      try {
        other.exec("BEGIN IMMEDIATE");
      } catch (error) {
        seen = error;
        throw error;
      }
    };
    const own = (error: unknown) => error === seen;
    assert.throws(() => db.write(body), own);
    assert.throws(() => db.write(() => db.write(body)), own);
    await assert.rejects(db.writeAsync(body), own);
    // deno-lint-ignore require-await
    await assert.rejects(db.writeAsync(async () => body()), own);
    assert.ok(seen !== undefined);
    db.write(() => db.exec("CREATE TABLE t (x)"));
    db.close();
    holder.close();
    other.close();
  }),
);
