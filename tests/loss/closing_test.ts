import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { type Database, LockLostError, open } from "../../mod.ts";
import { SHARED } from "../../src/os/lock_bytes.ts";
import { locksOn, openPaths, pidsAt } from "../../src/os/procfs.ts";
import { stat } from "../../src/os/stat.ts";
import { Child, fixture, start } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { thisAndNext, thisRuntime } from "../fixtures/runtimes.ts";
import { pause, until } from "../fixtures/until.ts";

const QUIET = {
  heartbeat: false,
  walAutocheckpoint: 0,
  journalSizeLimit: 2 ** 30,
} as const;
const linux = needs("/proc");
const EXHAUSTED = new URL("fixtures/exhausted_child.ts", import.meta.url);

// It takes a while to move so much into the database, and then it deletes the WAL.
const FILL = `PRAGMA wal_autocheckpoint=0;
WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c LIMIT 3000)
INSERT INTO t SELECT 0, zeroblob(20000) FROM c`;

test(
  "close() says that a commit beside the end of another may be lost, where the locks were dropped",
  { skip: linux || (SQLITE3 === undefined && "there is no sqlite3") },
  withDatabase(async (first) => {
    let isMet = false;
    for (let n = 1; !isMet; n++) {
      assert.ok(n < 100, "it was never met while it closed");
      const path = `${first}${n}`;
      const made = raw(path);
      made.exec("PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER, b BLOB)");
      made.close();
      const other = startSqlite3(path);
      await other.run(FILL);
      const db = open(path, QUIET);
      // It asks for its locks now, and not again in the next 50 ms.
      await pause(80);
      db.write(() => db.exec("INSERT INTO t VALUES (0, 0)"));
      closeSync(openSync(path, "r"));
      other.child.say(".quit");
      let isOver = false;
      const ended = other.child.ended.then(() => isOver = true);
      const ends = () =>
        pidsAt(locksOn(stat(path)) ?? [], SHARED, true)
          .includes(other.child.pid);
      await until("it closes", () => isOver || ends(), 1);
      let isWritten = false;
      let isSaid = false;
      try {
        db.write(() => db.exec("INSERT INTO t VALUES (1, 0)"));
        isWritten = true;
        db.close();
      } catch (error) {
        assert.ok(error instanceof LockLostError, String(error));
        isSaid = true;
        db.close();
      }
      isMet = isWritten && ends();
      await ended;
      const found = query(path, "SELECT count(*) FROM t WHERE n = 1");
      assert.ok(isSaid || found === "1", "it is gone, and nobody was told");
      checkIntegrity(path);
      rmSync(path);
    }
  }),
);

test(
  "close() leaves a file alone that got the inode of a lost one",
  { skip: linux },
  withDatabase((path, folder) => {
    const db = open(path, QUIET);
    db.exec("CREATE TABLE t (n)");
    const wal = `${path}-wal`;
    const { ino } = statSync(wal);
    rmSync(`${path}-shm`);
    assert.throws(() => db.checkpoint(), LockLostError);
    renameSync(path, `${path}.old`);
    rmSync(wal, { force: true });
    // Not every filesystem gives a number again so soon.
    for (let i = 0; i < 500 && !existsSync(wal); i++) {
      const one = `${folder}/${i}`;
      writeFileSync(one, "");
      if (statSync(one).ino === ino) renameSync(one, wal);
    }
    const other = raw(path);
    other.exec("PRAGMA journal_mode=WAL; CREATE TABLE u (n)");
    db.close();
    assert.ok(existsSync(wal));
    other.close();
  }),
);

for (const way of ["by close()", "at the exit", "at the exit, once closed"]) {
  test(
    `what could not be closed without harm, for want of descriptors, is so ${way}`,
    { skip: linux },
    withDatabase(async (path) => {
      const child = new Child([
        ...["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"],
        ...[...thisRuntime().command, fixture(EXHAUSTED), path],
      ]);
      assert.equal(await child.line(), "open");
      rmSync(`${path}-shm`);
      const newcomer = raw(path);
      newcomer.exec("CREATE TABLE u (b)");
      const insert = () =>
        newcomer.exec("INSERT INTO u VALUES (zeroblob(2000))");
      for (let n = 0; n < 60; n++) insert();
      newcomer.value("PRAGMA wal_checkpoint(TRUNCATE)");
      for (let n = 0; n < 150; n++) insert();
      child.say(way === "at the exit, once closed" ? "end" : "write");
      assert.equal(await child.line(), "LITELATCH_LOCK_LOST");
      newcomer.close();
      if (way === "by close()") {
        child.say("close");
        assert.equal(await child.line(), "closed");
        checkIntegrity(path);
        assert.equal(query(path, "SELECT count(*) FROM u"), "210");
      }
      child.end();
      await child.ended;
      checkIntegrity(path);
      assert.equal(query(path, "SELECT count(*) FROM u"), "210");
    }),
  );
}

test(
  "what is rescued while others come is not said to be there",
  { skip: linux },
  withDatabase((path) => {
    const db = open(path, QUIET);
    db.exec("CREATE TABLE t (n INTEGER)");
    const native = db.native as { prepare(sql: string): unknown };
    const { prepare } = native;
    let isReplaced = false;
    native.prepare = (sql) => {
      if (/wal_checkpoint/.test(sql)) {
        isReplaced = true;
        writeFileSync(`${path}-shm2`, "");
        renameSync(`${path}-shm2`, `${path}-shm`);
      }
      return prepare.call(native, sql);
    };
    rmSync(`${path}-wal`);
    assert.throws(() => db.close(), {
      code: "LITELATCH_LOCK_LOST",
      message: /moments before this one may be lost/,
    });
    assert.ok(isReplaced);
  }),
);

for (const what of ["full", "empty"]) {
  test(
    `files of another database that come back while one is opened do it no harm, the -wal ${what}`,
    { skip: linux },
    withDatabase(async (path) => {
      const child = start(thisAndNext()[1], "database_child.ts");
      await child.ask({ do: "open", path, options: QUIET });
      await child.ask({ do: "exec", sql: "CREATE TABLE t (n)" });
      if (what === "empty") {
        await child.ask({ do: "get", sql: "PRAGMA wal_checkpoint(TRUNCATE)" });
      }
      renameSync(path, `${path}.old`);
      for (const end of ["-wal", "-shm"]) {
        renameSync(path + end, `${path}${end}2`);
      }
      const fresh = raw(path);
      fresh.exec("PRAGMA journal_mode=WAL; CREATE TABLE u (n)");
      fresh.exec("INSERT INTO u VALUES (7)");
      fresh.close();
      await pause(50);
      const fs = process.getBuiltinModule("node:fs");
      const { accessSync } = fs;
      let isBack = false;
      // It is open now, and nothing of it was read.
      fs.accessSync = (...asked) => {
        if (!isBack && openPaths("self")?.includes(path)) {
          isBack = true;
          for (const end of ["-wal", "-shm"]) {
            renameSync(`${path}${end}2`, path + end);
          }
        }
        return accessSync(...asked);
      };
      try {
        assert.throws(() => open(path, QUIET).close(), {
          code: "LITELATCH_UNSUPPORTED",
          message: /works with the -wal beside it, but has another file open/,
        });
      } finally {
        fs.accessSync = accessSync;
      }
      assert.ok(isBack);
      await child.ask({ do: "close" });
      checkIntegrity(path);
      assert.equal(query(path, "SELECT n FROM u"), "7");
    }),
  );
}

for (const how of ["left", "thrown out of", "gone on with"]) {
  test(
    `a loop over rows in which its connection was lost can be ${how}, and the handle opened anew`,
    { skip: linux },
    withDatabase((path) => {
      const db = open(path, QUIET);
      db.exec("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3)");
      let rows = 0;
      const loop = () => {
        for (const _row of db.prepare("SELECT n FROM t").iterate()) {
          if (++rows > 1) continue;
          for (const end of ["-wal", "-shm"]) {
            renameSync(path + end, `${path}.moved${end}`);
          }
          assert.throws(() => db.checkpoint(), LockLostError);
          if (how === "left") break;
          if (how === "thrown out of") db.checkpoint();
        }
      };
      let thrown: unknown = null;
      try {
        loop();
      } catch (error) {
        thrown = error;
      }
      // Deno has all rows in memory by then.
      const isQuiet = how === "left" || (how === "gone on with" && rows === 3);
      assert.equal(thrown instanceof LockLostError, !isQuiet, String(thrown));
      for (let i = 0; i < 2; i++) db.reopen();
      db.exec("CREATE TABLE IF NOT EXISTS t (n); INSERT INTO t VALUES (4)");
      db.close();
      checkIntegrity(path);
    }),
  );
}

test(
  "a write that waits on a shared connection is told when that is closed for a loss",
  { skip: linux },
  withDatabase(async (path) => {
    const db = open(path, { ...QUIET, heartbeat: 20 });
    db.exec("CREATE TABLE t (n)");
    assert.ok(db.native);
    const other = raw(path);
    other.exec("BEGIN IMMEDIATE");
    const written = db.writeAsync(() => {});
    for (const end of ["-wal", "-shm"]) {
      renameSync(path + end, `${path}.moved${end}`);
    }
    await assert.rejects(written, LockLostError);
    other.close();
    db.close();
  }),
);

test(
  "an error of SQLite that comes of a loss is told as that",
  { skip: linux },
  withDatabase((first) => {
    const sql = "SELECT length(b || 1) FROM t";
    const ways: Record<string, (db: Database) => unknown> = {
      get: (db) => db.prepare(sql).get(),
      all: (db) => db.prepare(sql).all(),
      iterate: (db) => [...db.prepare(sql).iterate()],
      exec: (db) => db.exec(sql),
      read: (db) => db.read(() => db.prepare(sql).get()),
      "a reading body": (db) => db.read(() => db.exec(sql)),
    };
    for (const [way, read] of Object.entries(ways)) {
      const path = `${first} ${way}`;
      const made = raw(path);
      made.exec("PRAGMA journal_mode=WAL; CREATE TABLE t (b)");
      made.exec("INSERT INTO t VALUES (zeroblob(1e6))");
      made.close();
      const db = open(path, QUIET);
      truncateSync(path, 8192);
      // The file is damaged, and not lost.
      assert.throws(() => read(db), { code: /^(ERR_SQLITE|SQLITE)_/ }, way);
      renameSync(path, `${path}.moved`);
      // exec() looks before it runs, as its SQL may write.
      assert.throws(() => read(db), LockLostError, way);
      db.close();
    }
  }),
);
