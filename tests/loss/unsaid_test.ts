import assert from "node:assert/strict";
import {
  copyFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { type Database, LockLostError, open } from "../../mod.ts";
import { allPidfiles } from "../../src/lock/pidfiles.ts";
import { openPaths } from "../../src/os/procfs.ts";
import { elsewhere, start } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { thisAndNext, thisRuntime } from "../fixtures/runtimes.ts";
import { pause, until } from "../fixtures/until.ts";
import { atStat } from "./fixtures/at_stat.ts";

const STILL = { heartbeat: false } as const;
const TABLE = "CREATE TABLE IF NOT EXISTS t (n INTEGER)";
const linux = needs("/proc");
const noUpkeep = thisRuntime().id === "node22"
  ? "SQLite 3.49 has the WAL-reset bug, so its own checkpoints stay"
  : false;

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
  "close() says that the database was deleted, but not that it was moved, nor to a reader",
  { skip: linux },
  withDatabase((path) => {
    const lost = /the file was deleted or moved.*may be lost/s;
    const db = make(path);
    rmSync(path);
    assert.throws(() => db.close(), lost);
    make(path).close();
    const told = make(path);
    rmSync(path);
    assert.equal(told.poll(), "gone");
    told.close();
    make(path).close();
    const reader = open(path, STILL);
    reader.prepare("SELECT * FROM t").all();
    rmSync(path);
    reader.close();
    const moved = make(path);
    renameSync(path, `${path}.old`);
    moved.close();
    assert.equal(query(`${path}.old`, "SELECT group_concat(n) FROM t"), "1");
  }),
);

test(
  "close() says what only a heartbeat has seen",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = open(path, { heartbeat: 10 });
    db.exec(TABLE);
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    await pause(300);
    assert.throws(() => db.prepare("SELECT 1").get(), LockLostError);
    db.close();
    const other = open(`${path}2`, { heartbeat: 10 });
    other.exec(TABLE);
    rmSync(`${path}2-wal`);
    rmSync(`${path}2-shm`);
    await pause(300);
    assert.throws(() => other.close(), LockLostError);
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

test(
  "close() says what was lost after a listener was told that a link leads elsewhere",
  { skip: needs("unlinking", "names") },
  withDatabase(async (path, folder) => {
    const link = `${folder}/link`;
    make(path).close();
    make(`${path}.other`).close();
    symlinkSync(path, link);
    const db = open(link, STILL);
    const told: string[] = [];
    db.onChange((change) => told.push(change), { every: 10 });
    rmSync(link);
    symlinkSync(`${path}.other`, link);
    await until("it is told", () => told.length > 0);
    db.exec("INSERT INTO t VALUES (2)");
    // It looks again, and has nothing to tell.
    await pause(200);
    assert.deepEqual(told, ["replaced"]);
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    elsewhere(path, "INSERT INTO t VALUES (3)");
    assert.throws(() => db.close(), LockLostError);
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,3");
  }),
);

test(
  "close() does not say again what a listener was told",
  { skip: linux },
  withDatabase(async (path) => {
    const db = make(path);
    const told: string[] = [];
    db.onChange((change) => told.push(change), { every: 10 });
    rmSync(path);
    await until("it is told", () => told.length > 0);
    assert.deepEqual(told, ["gone"]);
    db.close();
  }),
);

test(
  "reopen() says once that commits may be lost, if nobody has",
  { skip: linux },
  withDatabase(async (path) => {
    const db = make(path);
    const other = start(thisRuntime(), "database_child.ts");
    await other.ask({ do: "open", path, options: STILL });
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    assert.throws(() => db.reopen(), (error) => {
      assert.ok(error instanceof LockLostError);
      assert.match(error.message, /moments before this one may be lost/);
      return true;
    });
    db.reopen();
    db.close();
    await other.ask({ do: "close" });
  }),
);

for (
  const [whose, write] of [
    ["of async bodies", (db: Database) =>
      db.writeAsync(async (tx) => {
        await Promise.resolve();
        tx.exec("INSERT INTO t VALUES (2)");
      })],
    [
      "of another handle",
      (_: Database, other: Database) =>
        other.write(() => other.exec("INSERT INTO t VALUES (2)")),
    ],
  ] as const
) {
  test(
    `reopen() says once that commits ${whose} may be lost`,
    { skip: needs("unlinking") },
    withDatabase(async (path) => {
      make(path).close();
      const [db, other] = [open(path, STILL), open(path, STILL)];
      await write(db, other);
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
      await pause(5);
      assert.throws(() => db.reopen(), /moments before this one may be lost/);
      db.reopen();
      db.close();
      other.close();
    }),
  );
}

test(
  "close() says that commits of async bodies may be lost, unless one was refused",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const body = async (tx: Database) => {
      await Promise.resolve();
      tx.exec("INSERT INTO t VALUES (2)");
    };
    for (const isRefused of [false, true]) {
      make(path).close();
      const db = open(path, STILL);
      await db.writeAsync(body);
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
      await pause(5);
      if (isRefused) {
        await assert.rejects(db.writeAsync(body), LockLostError);
        db.close();
      } else assert.throws(() => db.close(), LockLostError);
    }
  }),
);

test(
  "close() says what was seen after a commit, where nobody could hear it",
  { skip: linux || noUpkeep },
  withDatabase((path) => {
    make(path).close();
    const db = open(path, { ...STILL, walAutocheckpoint: 1 });
    db.exec("INSERT INTO t VALUES (2)");
    const native = db.native as Record<string, unknown>;
    const isIn = () => native["isTransaction"] ?? native["inTransaction"];
    let isWritten = false;
    let looks = 0;
    // The size of the -wal comes first, then the look before a checkpoint.
    const isAfter = () => isWritten && isIn() === false && ++looks === 2;
    const lose = () => {
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
    };
    atStat(isAfter, lose, () => {
      db.write(() => {
        db.exec("INSERT INTO t VALUES (3)");
        isWritten = true;
      });
    });
    assert.throws(() => db.close(), LockLostError);
  }),
);

for (const end of ["-wal", "-shm"]) {
  test(
    `a ${end} that is replaced while it is opened is not taken for our own`,
    { skip: linux },
    withDatabase((path) => {
      make(path).close();
      const isOpen = () => openPaths("self")?.includes(path + end) === true;
      const replace = () => {
        copyFileSync(path + end, `${path}.new`);
        renameSync(`${path}.new`, path + end);
      };
      atStat(isOpen, replace, () => {
        assert.throws(() => open(path, STILL), {
          code: "LITELATCH_OPEN",
          message: /replaced since it was opened/,
        });
      });
      open(path, STILL).close();
      assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1");
    }),
  );
}

for (
  const [name, breaks, why] of [
    [
      "of another file",
      (path: string) => renameSync(path, `${path}.old`),
      /has another file open, which was at this path before/,
    ],
    [
      "of another file, not even without the -shm",
      (path: string) => {
        renameSync(path, `${path}.old`);
        rmSync(`${path}-shm`);
      },
      /works with the -wal beside it, but has another file open/,
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

test(
  "nobody opens what another has open by the name that it had before",
  { skip: linux },
  withDatabase(async (path) => {
    const child = start(thisAndNext()[1], "database_child.ts");
    await child.ask({ do: "open", path, options: STILL });
    await child.ask({ do: "exec", sql: TABLE });
    await child.ask({ do: "get", sql: "PRAGMA wal_checkpoint" });
    renameSync(path, `${path}.old`);
    assert.throws(() => open(`${path}.old`, STILL).close(), (error: Error) => {
      assert.match(error.message, new RegExp(`PID ${child.pid} \\(`));
      assert.match(error.message, /has the same file open by another name/);
      return true;
    });
    await child.ask({ do: "close" });
    open(`${path}.old`, STILL).close();
  }),
);

test(
  "nobody opens what a stranger has open by another name, though one of us is there",
  { skip: linux },
  withDatabase(async (path) => {
    make(path).close();
    const child = start(thisAndNext()[1], "database_child.ts");
    await child.ask({ do: "open", path, options: STILL });
    await child.ask({ do: "write", sql: "INSERT INTO t VALUES (2)" });
    beHereForLong(path);
    linkSync(path, `${path}.link`);
    const bare = JSON.stringify({ raw: true, journalSizeLimit: 0 });
    const link = [`${path}.link`, "1", bare];
    const stranger = start(thisRuntime(), "wal_writer.ts", ...link);
    stranger.say("go");
    assert.equal(await stranger.line(), "ready");
    await stranger.line();
    rmSync(`${path}.link`);
    assert.throws(() => open(path, STILL).close(), (error: Error) => {
      assert.match(error.message, new RegExp(`PID ${stranger.pid} \\(`));
      assert.match(error.message, /has the same file open by another name/);
      return true;
    });
  }),
);

// The kernel makes whoever reads its list of locks wait for 8 to 16 ms.
test(
  "open() reads the kernel's list of locks only beside others",
  { skip: linux },
  withDatabase(async (path) => {
    make(path).close();
    const looks = (): number => {
      const fs = process.getBuiltinModule("node:fs");
      const { openSync } = fs;
      let count = 0;
      fs.openSync = (...all) => {
        if (all[0] === "/proc/locks") count++;
        return openSync(...all);
      };
      try {
        open(path, STILL).close();
      } finally {
        fs.openSync = openSync;
      }
      return count;
    };
    assert.equal(looks(), 0, "alone");
    const child = start(thisAndNext()[1], "database_child.ts");
    await child.ask({ do: "open", path, options: STILL });
    assert.notEqual(looks(), 0, "beside another");
    beHereForLong(path);
    assert.notEqual(looks(), 0, "beside one that came long ago");
  }),
);

/** As if the one holder there had come long ago. */
function beHereForLong(path: string): void {
  const [record = ""] = allPidfiles(path).map((pidfile) => pidfile.path);
  const text = readFileSync(record, "utf8");
  const old = text.replace(/"acquiredAt":"\d+/, '"acquiredAt":"2020');
  assert.notEqual(old, text);
  writeFileSync(record, old);
}

for (const how of ["open", "adopt"] as const) {
  test(
    `who lost the -shm of what it could ${how}, and ends, takes nothing from others`,
    { skip: linux },
    withDatabase(async (path) => {
      make(path).close();
      const child = start(thisRuntime(), "database_child.ts");
      await child.ask({ do: how, path, options: STILL });
      await child.ask({ do: "write", sql: "INSERT INTO t VALUES (2)" });
      rmSync(`${path}-shm`);
      const newcomer = raw(path);
      const fill = "INSERT INTO u SELECT zeroblob(2000)";
      newcomer.exec(`CREATE TABLE u (b);${`${fill};`.repeat(20)}`);
      const write = { do: "write", sql: "INSERT INTO t VALUES (3)" } as const;
      assert.equal((await child.ask(write)).code, "LITELATCH_LOCK_LOST");
      child.end();
      await child.ended;
      // Bun makes a checkpoint of what is open at its end, beside whomever.
      newcomer.exec(fill);
      newcomer.close();
      checkIntegrity(path);
      assert.equal(query(path, "SELECT count(*) FROM u"), "21");
    }),
  );
}

for (const others of [false, true]) {
  test(
    `open() does not share a -shm that its process has lost${
      others ? ", where others have made another" : ""
    }`,
    { skip: linux },
    withDatabase(async (path) => {
      make(path).close();
      // As a handle of another thread: SQLite has one index for a process.
      const lost = raw(path);
      lost.exec("INSERT INTO t VALUES (2)");
      rmSync(`${path}-shm`);
      const child = start(thisRuntime(), "database_child.ts");
      if (others) await child.ask({ do: "open", path, options: STILL });
      assert.throws(() => open(path, STILL), {
        code: "LITELATCH_OPEN",
        message: /deleted or replaced/,
      });
      if (others) await child.ask({ do: "close" });
      lost.close();
    }),
  );
}

test(
  "a WAL that was moved is not moved over a newer one as the process ends",
  { skip: linux },
  withDatabase(async (path) => {
    make(path).close();
    const child = start(thisAndNext()[1], "database_child.ts");
    await child.ask({ do: "open", path, options: STILL });
    await child.ask({ do: "write", sql: "INSERT INTO t VALUES (2)" });
    renameSync(`${path}-wal`, `${path}-old`);
    rmSync(`${path}-shm`);
    const write = { do: "write", sql: "INSERT INTO t VALUES (3)" } as const;
    assert.equal((await child.ask(write)).code, "LITELATCH_LOCK_LOST");
    const newcomer = raw(path);
    newcomer.exec("CREATE TABLE u (n); INSERT INTO u VALUES (4), (5)");
    // Not the last one, so it leaves its WAL.
    newcomer.close();
    child.end();
    await child.ended;
    checkIntegrity(path);
    assert.equal(query(path, "SELECT group_concat(n) FROM u"), "4,5");
  }),
);

for (const end of ["close", "exit"] as const) {
  for (const then of ["deleted", "replaced by a copy"] as const) {
    test(
      `who lost the -wal, and then a -shm that was ${then}, takes nothing from newcomers by its ${end}`,
      { skip: linux },
      withDatabase(async (path) => {
        const db = make(path);
        const child = start(thisAndNext()[1], "database_child.ts");
        await child.ask({ do: "open", path, options: STILL });
        const write = { do: "write", sql: "INSERT INTO t VALUES (2)" } as const;
        await child.ask(write);
        rmSync(`${path}-wal`);
        const rescued = /Nothing that was acknowledged is lost/;
        assert.match((await child.ask(write)).message ?? "", rescued);
        // It moves the same WAL, and the child has to read anew after that.
        assert.throws(() => db.exec(TABLE), rescued);
        db.close();
        if (then === "deleted") rmSync(`${path}-shm`);
        else {
          copyFileSync(`${path}-shm`, `${path}.new`);
          renameSync(`${path}.new`, `${path}-shm`);
        }
        const newcomer = open(path, STILL);
        newcomer.exec("CREATE TABLE u (b)");
        newcomer.exec("INSERT INTO u VALUES (zeroblob(200000))");
        // The database has more pages than the lost index knows of.
        newcomer.checkpoint();
        newcomer.exec("INSERT INTO u VALUES (1)");
        newcomer.close();
        if (end === "close") await child.ask({ do: "close" });
        child.end();
        await child.ended;
        checkIntegrity(path);
        assert.equal(query(path, "SELECT count(*) FROM u"), "2");
        assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,2");
      }),
    );
  }
}

test(
  "no checkpoint is made while the lock on the database is dropped",
  { skip: linux || noUpkeep },
  withDatabase(async (path) => {
    make(path).close();
    const db = open(path, { ...STILL, walAutocheckpoint: 1 });
    db.exec("INSERT INTO t VALUES (2)");
    // It counts the frames once in 20 ms.
    await pause(25);
    const { size } = statSync(path);
    try {
      db.write(() => {
        db.exec("INSERT INTO t VALUES (zeroblob(200000))");
        readFileSync(path);
      });
    } catch (error) {
      // A slow machine has seen it before the COMMIT.
      assert.ok(error instanceof LockLostError);
    }
    assert.equal(statSync(path).size, size);
    db.exec("INSERT INTO t VALUES (3)");
    db.close();
    checkIntegrity(path);
  }),
);
