import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, BusyError, LockedError, open } from "../../mod.ts";
import { type Child, otherRuntime, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";

// On Windows whoever opens a file says what others may do with it meanwhile.
const deno = runtimes().find(({ id }) => id === "deno");
const skip = process.platform !== "win32"
  ? "only Windows keeps others out of an open file"
  : deno === undefined && "needs Deno";

const READ = "1";
const QUIET = { onWarning: () => {} };

async function keep(path: string, ms = 0): Promise<Child> {
  const child = start(deno!, "keep_open.ts", path, READ, String(ms));
  assert.equal((await child.line()).trim(), "kept");
  return child;
}

test(
  "a database that others may only read is waited for, and then written",
  { skip },
  withDatabase(async (path) => {
    const first = open(path, QUIET);
    first.exec("CREATE TABLE t (x)");
    first.close();
    const scanner = await keep(path);
    assert.throws(() => open(path, { ...QUIET, busyTimeout: 30 }), BusyError);
    open(path, { ...QUIET, readOnly: true }).close();
    scanner.end();
    await scanner.ended;
    await keep(path, 500);
    const db = open(path, { ...QUIET, busyTimeout: 60_000 });
    db.write(() => db.exec("INSERT INTO t VALUES (1)"));
    assert.deepEqual(db.prepare("SELECT x FROM t").all(), [{ x: 1 }]);
    db.close();
  }),
);

test(
  "a lock file that others may only read is waited for, and shared at once",
  { skip },
  withDatabase(async (path) => {
    acquireLock(path).release();
    const scanner = await keep(`${path}.lock`);
    acquireLock(path, { mode: "shared" }).release();
    assert.throws(() => acquireLock(path), { code: "LITELATCH_OPEN" });
    scanner.end();
    await scanner.ended;
    await keep(`${path}.lock`, 500);
    acquireLock(path, { wait: 60_000 }).release();
  }),
);

test(
  "a record that cannot be removed names nobody who came before",
  { skip },
  withDatabase(async (path) => {
    const before = acquireLock(path, { app: "before" });
    const scanner = await keep(`${path}.pid`);
    before.release();
    const holder = start(otherRuntime(), "database_child.ts");
    const options = { lock: "exclusive", app: "holder" };
    assert.ok((await holder.ask({ do: "open", path, options })).ok);
    assert.throws(() => acquireLock(path), (error) => {
      assert.ok(error instanceof LockedError);
      assert.deepEqual(error.holders.map(({ pid }) => pid), [holder.pid]);
      return true;
    });
    await holder.ask({ do: "close" });
    scanner.end();
    await scanner.ended;
    acquireLock(path).release();
  }),
);
