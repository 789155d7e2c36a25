import assert from "node:assert/strict";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { adopt, type Database, LockLostError, open } from "../../mod.ts";
import { elsewhere, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const skip = needs("/proc");
const ROWS = "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 " +
  "FROM c LIMIT 200) INSERT INTO";

/** A handle with another database attached, whose WAL is not in it yet. */
async function attaching(path: string, second: string): Promise<Database> {
  const db = open(path, { heartbeat: false, onWarning: () => {} });
  db.exec(`ATTACH '${second}' AS "a ""b"`);
  db.exec(`PRAGMA "a ""b".journal_mode=WAL`);
  db.exec(`CREATE TABLE "a ""b".t (n, filler)`);
  db.write(() => db.exec(`${ROWS} t SELECT n, zeroblob(2000) FROM c`));
  await pause(5);
  db.exec(`INSERT INTO t (n) VALUES (0)`);
  return db;
}

/** What others write who find the database without a WAL. */
function settle(path: string): void {
  elsewhere(
    path,
    "PRAGMA journal_mode=WAL; CREATE TABLE theirs (n, filler);" +
      `${ROWS} theirs SELECT n, zeroblob(2000) FROM c`,
  );
}

function lose(path: string): void {
  rmSync(`${path}-wal`);
  rmSync(`${path}-shm`);
}

const insert = (db: Database) =>
  db.write(() => db.exec("INSERT INTO t (n) VALUES (1)"));

for (const end of ["close", "reopen"] as const) {
  test(
    `${end}() leaves what others wrote into an attached database after its WAL was lost`,
    { skip },
    withDatabase(async (path, folder) => {
      const second = join(folder, "second.db");
      const db = await attaching(path, second);
      await pause(5);
      lose(second);
      assert.throws(() => insert(db), LockLostError);
      settle(second);
      db[end]();
      db.close();
      assert.equal(query(second, "SELECT count(*) FROM theirs"), "200");
    }),
  );
}

test(
  "so does the end of the process",
  { skip },
  withDatabase(async (path, folder) => {
    const second = join(folder, "second.db");
    const fixture = new URL("fixtures/attaching_child.ts", import.meta.url);
    const child = start(thisRuntime(), fixture, path, second);
    assert.equal(await child.line(), "lost");
    settle(second);
    child.end();
    assert.equal((await child.ended).code, 0);
    assert.equal(query(second, "SELECT count(*) FROM theirs"), "200");
  }),
);

test(
  "reopen() clears away the WAL of an attached database that was replaced",
  { skip },
  withDatabase(async (path, folder) => {
    const second = join(folder, "second.db");
    const db = await attaching(path, second);
    await pause(5);
    insert(db);
    settle(`${second}.new`);
    renameSync(`${second}.new`, second);
    await pause(5);
    assert.throws(() => insert(db), LockLostError);
    db.reopen();
    assert.ok(!existsSync(`${second}-wal`));
    assert.equal(query(second, "SELECT count(*) FROM theirs"), "200");
    db.close();
  }),
);

test(
  "close() says that an attached database was deleted with what was in it",
  { skip },
  withDatabase(async (path, folder) => {
    const second = join(folder, "second.db");
    const db = await attaching(path, second);
    await pause(5);
    rmSync(second);
    assert.throws(() => db.close(), /second\.db.*was deleted.*may be lost/s);
  }),
);

test(
  "the journal mode of an attached database may change",
  withDatabase(async (path, folder) => {
    const second = join(folder, "second.db");
    const db = await attaching(path, second);
    for (const mode of ["delete", "wal", "truncate"]) {
      await pause(5);
      db.exec(`PRAGMA "a ""b".journal_mode=${mode}`);
      await pause(5);
      insert(db);
    }
    db.close();
    assert.equal(query(second, "SELECT count(*) FROM t WHERE n = 1"), "4");
  }),
);

for (const when of ["before it was adopted", "after that"]) {
  test(
    `the files of what an owner attached ${when} are looked at without a heartbeat`,
    { skip },
    withDatabase(async (path, folder) => {
      const second = join(folder, "second.db");
      elsewhere(second, "PRAGMA journal_mode=WAL; CREATE TABLE t (n)");
      const bare = raw(path);
      const attach = () => bare.exec(`ATTACH '${second}' AS b`);
      if (when !== "after that") attach();
      const db = adopt(bare.native, { heartbeat: false });
      if (when === "after that") attach();
      db.write(() => bare.exec("INSERT INTO b.t VALUES (1)"));
      await pause(5);
      lose(second);
      settle(second);
      await pause(5);
      const body = () => bare.exec("INSERT INTO b.t VALUES (2)");
      assert.throws(() => db.write(body), LockLostError);
      db.close();
      bare.close();
      assert.equal(query(second, "SELECT count(*) FROM theirs"), "200");
      assert.equal(query(second, "SELECT count(*) FROM t WHERE n = 2"), "0");
    }),
  );
}

for (const way of ["write", "writeAsync"] as const) {
  test(
    `${way}() commits nothing where what its body attached was lost`,
    { skip },
    withDatabase(async (path, folder) => {
      const second = join(folder, "second.db");
      elsewhere(second, "PRAGMA journal_mode=WAL; CREATE TABLE t (n)");
      const db = open(path, { heartbeat: false });
      const body = (tx: Database) => {
        tx.exec(`ATTACH '${second}' AS b`);
        tx.exec("INSERT INTO b.t VALUES (1)");
        lose(second);
        settle(second);
      };
      const isAsync = way === "writeAsync";
      await assert.rejects(
        async () =>
          isAsync
            ? await db.writeAsync(async (tx) => await body(tx))
            : db.write(body),
        LockLostError,
      );
      db.close();
      assert.equal(query(second, "SELECT count(*) FROM theirs"), "200");
      assert.equal(query(second, "SELECT count(*) FROM t"), "0");
    }),
  );
}

for (const sql of ["ATTACH ':memory:' AS b", "DETACH a"]) {
  test(
    `a loss that is first seen at ${sql} is told as one`,
    { skip },
    withDatabase(async (path) => {
      const db = open(path, { heartbeat: false });
      db.exec("CREATE TABLE t (n); ATTACH ':memory:' AS a");
      await pause(5);
      rmSync(`${path}-shm`);
      assert.throws(() => db.exec(sql), LockLostError);
      db.close();
    }),
  );
}
