import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { test } from "node:test";
import { type Holder, LockedError, open, openAsync } from "../../mod.ts";
import { Child, fixture, otherRuntime, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { LIVES, needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = new URL("fixtures/warning_child.ts", import.meta.url);

/** A test while another process has the database open exclusively. */
function whileLocked(
  body: (path: string, holder: Child) => void | Promise<void>,
): () => Promise<void> {
  return withDatabase(async (path) => {
    const holder = start(otherRuntime(), "database_child.ts");
    const options = { lock: "exclusive", app: "holder", purpose: "migrate" };
    const { ok, message } = await holder.ask({ do: "open", path, options });
    assert.ok(ok, message);
    await holder.ask({ do: "exec", sql: "CREATE TABLE t (a)" });
    await body(path, holder);
  });
}

const QUIET = { onWarning: () => {} };

test(
  "by default a refused lock is an error that names the holder",
  { skip: needs("/proc") },
  whileLocked((path, holder) => {
    assert.throws(() => open(path, QUIET), (error: unknown) => {
      assert.ok(error instanceof LockedError, String(error));
      assert.equal(error.code, "LITELATCH_LOCKED");
      const [found] = error.holders;
      assert.equal(error.holders.length, 1);
      assert.equal(found?.pid, holder.pid);
      assert.equal(found?.app, "holder");
      assert.equal(found?.purpose, "migrate");
      assert.equal(found?.mode, "exclusive");
      assert.equal(found?.alive, LIVES);
      assert.match(
        error.message,
        new RegExp(`is locked exclusively by PID ${holder.pid} \\(holder, `),
      );
      assert.match(error.message, /Do not delete app\.db\.lock/);
      return true;
    });
  }),
);

test(
  'onLocked: "warn" goes on without the lock, and says the refusal',
  whileLocked((path, holder) => {
    const said: string[] = [];
    const onWarning = (message: string) => void said.push(message);
    const db = open(path, { onLocked: "warn", onWarning });
    assert.equal(db.lock, null);
    db.write(() => db.exec("INSERT INTO t VALUES (1)"));
    db.close();
    const refusals = said.filter((message) => !message.includes("WAL-reset"));
    assert.equal(refusals.length, 1);
    assert.match(refusals[0] ?? "", new RegExp(`by PID ${holder.pid} `));
    assert.equal(query(path, "SELECT a FROM t"), "1");
  }),
);

test(
  'onLocked: "warn" prints on stderr by default',
  whileLocked(async (path, holder) => {
    const { code, stderr } = await warned(path, "").ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`locked exclusively by PID ${holder.pid}`));
  }),
);

/** What the host may have set for it. */
function warned(path: string, noWarnings: string): Child {
  const command = [...thisRuntime().command, fixture(CHILD), path];
  return new Child(command, { NODE_NO_WARNINGS: noWarnings });
}

test(
  "a handle still tells a warning that the host does not print",
  whileLocked(async (path, holder) => {
    const { code, stdout } = await warned(path, "1").ended;
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`locked exclusively by PID ${holder.pid}`));
  }),
);

test(
  "the last twenty warnings are kept, whoever was told",
  whileLocked((path) => {
    const heard: string[] = [];
    const onWarning = (message: string) => void heard.push(message);
    const ask = (app: string) =>
      open(path, { onLocked: "warn", onWarning, app, heartbeat: false });
    for (let i = 0; i < 25; i++) ask(`app ${i}`).close();
    const db = ask("last");
    assert.equal(heard.length >= 26, true);
    assert.deepEqual(db.warnings, heard.slice(-20));
    db.close();
    assert.deepEqual(db.warnings, heard.slice(-20));
  }),
);

test(
  "onLocked as a function gets the holders, and the database opens",
  whileLocked((path, holder) => {
    const seen: Holder[][] = [];
    const onLocked = (holders: Holder[]) => void seen.push(holders);
    const db = open(path, { ...QUIET, onLocked });
    assert.equal(db.lock, null);
    db.write(() => db.exec("INSERT INTO t VALUES (1)"));
    db.close();
    assert.deepEqual(seen.map((holders) => holders.map(({ pid }) => pid)), [[
      holder.pid,
    ]]);
  }),
);

test(
  "an error that onLocked throws is the one that open throws",
  whileLocked((path) => {
    const error = new Error("not me");
    const onLocked = () => {
      throw error;
    };
    assert.throws(
      () => open(path, { ...QUIET, onLocked }),
      (thrown) => thrown === error,
    );
  }),
);

test(
  'lock: "none" takes no lock and minds none',
  whileLocked((path) => {
    const db = open(path, { ...QUIET, lock: "none" });
    assert.equal(db.lock, null);
    db.write(() => db.exec("INSERT INTO t VALUES (1)"));
    db.close();
  }),
);

test(
  "open waits for the lock, up to its deadline",
  whileLocked(async (path, holder) => {
    const began = performance.now();
    assert.throws(() => open(path, { ...QUIET, wait: 80 }), LockedError);
    assert.ok(performance.now() - began >= 80);
    const opening = openAsync(path, { ...QUIET, wait: 30_000 });
    await holder.ask({ do: "close" });
    const db = await opening;
    assert.equal(db.lock?.held, true);
    db.close();
  }),
);

test(
  "an aborted openAsync ends its wait, and leaves nothing",
  whileLocked(async (path, holder) => {
    const control = new AbortController();
    const reason = new Error("no longer wanted");
    const { signal } = control;
    const opening = openAsync(path, { ...QUIET, wait: 30_000, signal });
    setTimeout(() => control.abort(reason), 30);
    await assert.rejects(opening, (error) => error === reason);
    await holder.ask({ do: "close" });
    // Had it left a lock behind, this one would be refused.
    open(path, { ...QUIET, lock: "exclusive" }).close();
  }),
);

test(
  "create: false makes no database that went while the lock was waited for",
  { skip: needs("unlinking") },
  whileLocked(async (path, holder) => {
    const how = { ...QUIET, create: false, wait: 30_000 };
    const opening = openAsync(path, how);
    for (const end of ["", "-wal", "-shm"]) rmSync(path + end);
    holder.kill("SIGKILL");
    await assert.rejects(opening, /must exist, because create is false/);
    assert.equal(existsSync(path), false);
  }),
);
