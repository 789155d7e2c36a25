import assert from "node:assert/strict";
import { copyFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { LockLostError, open, UnsupportedError } from "../../mod.ts";
import { start } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { thisAndNext } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const QUIET = {
  heartbeat: false,
  walAutocheckpoint: 0,
  journalSizeLimit: 2 ** 30,
} as const;
const linux = needs("/proc");

/** Whoever comes now makes another index of the same WAL. */
function replaceShm(path: string): void {
  writeFileSync(`${path}-shm.new`, "");
  renameSync(`${path}-shm.new`, `${path}-shm`);
}

async function writer(path: string) {
  const child = start(thisAndNext()[1], "database_child.ts");
  const opened = await child.ask({ do: "open", path, options: QUIET });
  assert.ok(opened.ok, opened.message);
  return child;
}

function assertRefused(path: string, why: RegExp): void {
  assert.throws(
    () => open(path, QUIET),
    (error: Error) =>
      error instanceof UnsupportedError && why.test(error.message),
  );
}

for (const how of ["deleted", "replaced"]) {
  test(
    `a database is not opened amid a transaction by a -shm that was ${how}`,
    { skip: linux },
    withDatabase(async (path) => {
      const child = await writer(path);
      await child.ask({ do: "exec", sql: "CREATE TABLE t (n)" });
      await child.ask({ do: "hold" });
      if (how === "deleted") rmSync(`${path}-shm`);
      else replaceShm(path);
      assertRefused(path, /writes to this -wal by a deleted -shm/);
      await child.ask({ do: "exec", sql: "ROLLBACK" });
      const db = open(path, QUIET);
      db.exec("INSERT INTO t VALUES (1)");
      const late = await child.ask({ do: "write", sql: "DELETE FROM t" });
      assert.equal(late.code, "LITELATCH_LOCK_LOST");
      db.close();
      await child.ask({ do: "close" });
      checkIntegrity(path);
      assert.equal(query(path, "SELECT n FROM t"), "1");
    }),
  );
}

test(
  "the body of a write that waited does not run where the -shm was replaced",
  { skip: linux },
  withDatabase(async (path) => {
    const child = await writer(path);
    const db = open(path, QUIET);
    db.exec("CREATE TABLE t (n)");
    await child.ask({ do: "hold" });
    let hasRun = false;
    const written = assert.rejects(
      db.writeAsync(() => void (hasRun = true)),
      LockLostError,
    );
    replaceShm(path);
    await child.ask({ do: "exec", sql: "ROLLBACK" });
    await written;
    assert.equal(hasRun, false);
    db.close();
    await child.ask({ do: "close" });
  }),
);

test(
  "a statement that waited is refused where the -shm was replaced",
  { skip: linux },
  withDatabase(async (path) => {
    const child = await writer(path);
    await child.ask({ do: "exec", sql: "CREATE TABLE t (n)" });
    const other = raw(path);
    other.exec("BEGIN IMMEDIATE");
    const written = child.ask({ do: "exec", sql: "INSERT INTO t VALUES (1)" });
    await pause(300);
    replaceShm(path);
    // One try may have looked before that.
    await pause(300);
    other.exec("ROLLBACK");
    assert.equal((await written).code, "LITELATCH_LOCK_LOST");
    other.close();
    await child.ask({ do: "close" });
  }),
);

test(
  "nor is one whose -shm is used for a file that was here, by whoever reads the new one",
  { skip: linux },
  withDatabase(async (path) => {
    const child = await writer(path);
    await child.ask({ do: "exec", sql: "CREATE TABLE t (n)" });
    const fresh = raw(`${path}.new`);
    fresh.exec("CREATE TABLE t (n)");
    fresh.close();
    renameSync(`${path}.new`, path);
    await child.ask({ do: "keep", path });
    assertRefused(path, /has another file open, which was at this path/);
    await child.ask({ do: "close" });
    open(path, QUIET).close();
  }),
);

test(
  "nor is one whose -shm is used for a -wal that was replaced, by whoever reads the new one",
  { skip: linux },
  withDatabase(async (path) => {
    const child = await writer(path);
    await child.ask({ do: "exec", sql: "CREATE TABLE t (n)" });
    copyFileSync(`${path}-wal`, `${path}.old`);
    await child.ask({ do: "exec", sql: "INSERT INTO t VALUES (1)" });
    renameSync(`${path}.old`, `${path}-wal`);
    // As the read-only connection has it that goes last (closeBefore).
    await child.ask({ do: "keep", path: `${path}-wal` });
    assertRefused(
      path,
      /works with the -shm beside it, but the -wal was deleted/,
    );
    await child.ask({ do: "close" });
    // By an index of its own, so that what is committed is found.
    const db = open(path, QUIET);
    db.exec("INSERT INTO t VALUES (2)");
    db.close();
    checkIntegrity(path);
    assert.equal(query(path, "SELECT n FROM t"), "2");
  }),
);
