import assert from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { test } from "node:test";
import { type Database, LockLostError, open } from "../../mod.ts";
import { start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { thisAndNext } from "../fixtures/runtimes.ts";

const STILL = { heartbeat: false } as const;
const TABLE = "CREATE TABLE IF NOT EXISTS t (n INTEGER)";
const linux = needs("/proc");

function make(path: string): Database {
  const db = open(path, STILL);
  db.exec(TABLE);
  db.exec("INSERT INTO t VALUES (1)");
  return db;
}

test(
  "close() says that commits may be lost, once, and lets everything go",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    const { lock } = db;
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    assert.throws(() => db.close(), (error) => {
      assert.ok(error instanceof LockLostError);
      assert.match(error.message, /moments before this one may be lost/);
      return true;
    });
    assert.equal(lock?.held, false);
    db.close();
  }),
);

test(
  "close() says nothing where what was committed could be saved",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    rmSync(`${path}-wal`);
    db.close();
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1");
  }),
);

for (
  const [name, breaks, why] of [
    [
      "of another file",
      (path: string) => renameSync(path, `${path}.old`),
      /has another file open, which was at this path before/,
    ],
    [
      "whose WAL was deleted",
      (path: string) => rmSync(`${path}-wal`),
      /the -wal was deleted/,
    ],
  ] as const
) {
  test(
    `nobody opens beside an index in use ${name}`,
    { skip: linux },
    withDatabase(async (path) => {
      const child = start(thisAndNext()[1], "database_child.ts");
      await child.ask({ do: "open", path, options: STILL });
      await child.ask({ do: "exec", sql: TABLE });
      breaks(path);
      assert.throws(() => open(path, STILL).close(), (error: Error) => {
        assert.match(error.message, new RegExp(`PID ${child.pid} \\(`));
        assert.match(error.message, why);
        return true;
      });
      // It frees its locks where a kill would still be under way.
      await child.ask({ do: "close" });
      open(path, STILL).close();
    }),
  );
}
