import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  adopt,
  type Database,
  LockedError,
  LockLostError,
  open,
  type OpenOptions,
} from "../../mod.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { Neighbour, raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { load, withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const STRANGER = new URL("fixtures/stranger.ts", import.meta.url);
const CHILD = new URL("fixtures/lost_child.ts", import.meta.url);
// SQLite's locks are looked at by then, and again after as long.
const OLD_MS = 150;
const QUIET: OpenOptions = { heartbeat: false, onWarning: () => {} };

const buggy = thisRuntime().id === "node22"
  ? "SQLite 3.49 has the WAL-reset bug, so its own checkpoints stay"
  : false;

function make(path: string): Database {
  const db = open(path, QUIET);
  db.exec("CREATE TABLE IF NOT EXISTS t (n INTEGER, filler BLOB)");
  return db;
}

function insert(db: Database, n: number): void {
  db.write(() => db.prepare("INSERT INTO t (n) VALUES (?)").run(n));
}

function isLost(error: unknown): boolean {
  return error instanceof LockLostError &&
    error.code === "LITELATCH_LOCK_LOST";
}

/** The file is read in here while a neighbour closes: the WAL is deleted. */
async function lose(path: string, neighbour: Neighbour): Promise<void> {
  await neighbour.open(path);
  neighbour.dropLocks(path);
  await neighbour.close();
  assert.ok(!existsSync(`${path}-wal`), "the neighbour deleted the WAL");
}

test(
  "reading the file while another closes is noticed before the next write, 100 times",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    for (let round = 0; round < 100; round++) {
      const db = make(path);
      insert(db, round);
      await lose(path, neighbour);
      assert.throws(() => insert(db, -1), isLost);
      const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size;
      assert.equal(size ?? 0, 0, "nothing was written anywhere");
      db.close();
    }
    assert.equal(
      query(path, "SELECT count(*), min(n), max(n) FROM t"),
      "100|0|99",
    );
  }),
);

test(
  "a bare connection loses rows in the same rounds, and says nothing",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    make(path).close();
    let silent = 0;
    for (let round = 0; round < 20; round++) {
      const bare = raw(path);
      bare.exec(`INSERT INTO t (n) VALUES (${round})`);
      await lose(path, neighbour);
      bare.exec(`INSERT INTO t (n) VALUES (${1000 + round})`);
      // Another process, while the row is said to be committed.
      await neighbour.open(path);
      const found = query(
        path,
        `SELECT count(*) FROM t WHERE n = ${1000 + round}`,
      );
      if (found === "0") silent++;
      await neighbour.close();
      bare.close();
    }
    assert.ok(silent > 10, `lost in ${silent} of 20`);
  }),
);

test(
  "what is committed while the WAL is taken away is there, or is said to be in doubt",
  { skip: needs("unlinking") },
  withDatabase(async (first, folder) => {
    const neighbour = new Neighbour();
    make(first).close();
    for (let round = 0; round < 15; round++) {
      const path = `${folder}/${round}.db`;
      const db = make(path);
      await neighbour.open(path);
      neighbour.dropLocks(path);
      neighbour.child.say(JSON.stringify({ do: "close" }));
      let after = 0;
      const closed = neighbour.child.line().then(() => after = 1);
      let acknowledged = 0;
      let said = "";
      while (said === "" && after < 50) {
        try {
          insert(db, acknowledged);
          acknowledged++;
          if (after > 0) after++;
          // The neighbour hears of it only while this process rests.
          if (acknowledged < 20 || acknowledged > 500) await pause(0);
        } catch (error) {
          assert.ok(isLost(error), String(error));
          said = (error as Error).message;
        }
      }
      await closed;
      // Some fifty commits may all be of the moment before a look; then it is
      // the close that says it.
      try {
        db.close();
      } catch (error) {
        assert.ok(isLost(error), String(error));
        said ||= (error as Error).message;
      }
      const found = Number(query(path, "SELECT count(*) FROM t"));
      // It may have seen it in time, and taken its locks back.
      const isInDoubt = said.includes("moments before this one may be lost");
      assert.ok(
        found === acknowledged || (isInDoubt && found < acknowledged),
        `${found} of ${acknowledged}, ${said}`,
      );
    }
  }),
);

// 20 MB, so that SQLite by itself would checkpoint at the COMMIT.
const LARGE =
  "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c LIMIT ?) " +
  "INSERT INTO t SELECT n, zeroblob(?) FROM c";

test(
  "a commit whose files were deleted since the look moves nothing over those of others",
  { skip: needs("unlinking") || buggy },
  withDatabase(async (path, folder) => {
    const done = `${folder}/done`;
    let rows = 2 ** 14;
    for (;;) {
      rmSync(path, { force: true });
      rmSync(done, { force: true });
      make(path).close();
      const db = make(path);
      insert(db, 0);
      const large = db.prepare(LARGE);
      const stranger = start(thisRuntime(), STRANGER, path, "300", done);
      assert.equal(await stranger.line(), "ready");
      stranger.say("go");
      assert.equal(await stranger.line(), "going");
      let isRefused = false;
      try {
        large.run(rows, 2 ** 24 / rows * 1.25);
      } catch (error) {
        assert.ok(isLost(error), String(error));
        isRefused = true;
      }
      const isInTime = existsSync(done) && !isRefused;
      stranger.end();
      const { code, stderr } = await stranger.ended;
      assert.equal(code, 0, stderr);
      assert.throws(() => insert(db, 1), isLost);
      db.close();
      checkIntegrity(path);
      const innocent = "SELECT count(*) FROM t WHERE n < 0";
      assert.equal(query(path, innocent), "300");
      if (isInTime) break;
      if (!isRefused) rows *= 2;
    }
  }),
);

const WRITES: Record<string, (db: Database) => unknown> = {
  "write": (db) =>
    db.write(() => db.prepare("INSERT INTO t (n) VALUES (2)").run()),
  "writeAsync": (db) =>
    db.writeAsync(() => db.prepare("INSERT INTO t (n) VALUES (2)").run()),
  "exec": (db) => db.exec("INSERT INTO t (n) VALUES (2)"),
  "run": (db) => db.prepare("INSERT INTO t (n) VALUES (2)").run(),
  "get with RETURNING": (db) =>
    db.prepare("INSERT INTO t (n) VALUES (2) RETURNING n").get(),
  "all with RETURNING": (db) =>
    db.prepare("INSERT INTO t (n) VALUES (2) RETURNING n").all(),
  "iterate with RETURNING": (db) => [
    ...db.prepare("INSERT INTO t (n) VALUES (2) RETURNING n").iterate(),
  ],
};

for (
  const how of ["deleted", "replaced by an empty one", "deleted with its -shm"]
) {
  const isBoth = how.endsWith("-shm");
  // Behind a reader SQLite moves only the pages that were not written again
  // since: the database alone is then of no moment at all, and malformed.
  test(
    `half a checkpoint is completed when the WAL was ${how}`,
    { skip: needs(isBoth ? "/proc" : "unlinking") || buggy },
    withDatabase(async (path) => {
      const db = make(path);
      db.exec("CREATE INDEX i ON t (n)");
      const fill = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 " +
        "FROM c WHERE n < 500) INSERT INTO t SELECT n, zeroblob(500) FROM c";
      db.write(() => db.exec(fill));
      const reader = raw(path);
      reader.exec("BEGIN");
      reader.value("SELECT count(*) FROM t");
      db.write(() => db.exec(fill));
      const { log, checkpointed } = db.checkpoint();
      assert.ok(0 < checkpointed && checkpointed < log, "it is half a one");
      reader.exec("COMMIT");
      reader.close();
      if (isBoth) rmSync(`${path}-shm`);
      if (how.startsWith("deleted")) rmSync(`${path}-wal`);
      else {
        writeFileSync(`${path}-new`, "");
        renameSync(`${path}-new`, `${path}-wal`);
      }
      await waitOutFreshness();
      // Of both nobody knows whether others came meanwhile, before the close.
      const said = isBoth ? /may be lost/ : /Nothing that was acknowledged/;
      assert.throws(() => insert(db, -1), said);
      db.reopen();
      insert(db, -1);
      db.close();
      checkIntegrity(path);
      assert.equal(query(path, "SELECT count(*) FROM t"), "1001");
    }),
  );
}

for (const [name, write] of Object.entries(WRITES)) {
  test(
    `${name} is refused when the WAL was deleted by hand`,
    { skip: needs("unlinking") },
    withDatabase(async (path) => {
      const db = make(path);
      insert(db, 1);
      rmSync(`${path}-wal`);
      await waitOutFreshness();
      const before = contentOf(db);
      await assert.rejects(async () => await write(db), isLost);
      await assert.rejects(async () => await write(db), isLost);
      assert.ok(!existsSync(`${path}-wal`));
      db.close();
      assert.throws(() => db.native, { code: "LITELATCH_CLOSED" });
      const after = query(path, "SELECT count(*) FROM t");
      assert.deepEqual({ n: Number(after) }, before, "no row in a lost WAL");
    }),
  );

  test(
    `${name} is refused when the lock file was replaced`,
    { skip: needs("unlinking") },
    withDatabase(async (path) => {
      const db = make(path);
      insert(db, 1);
      writeFileSync(`${path}.lock-new`, "");
      renameSync(`${path}.lock-new`, `${path}.lock`);
      const before = contentOf(db);
      await waitOutFreshness();
      await assert.rejects(async () => await write(db), (error) => {
        assert.ok(isLost(error), String(error));
        assert.match(String(error), /app\.db\.lock was deleted or replaced/);
        assert.match(String(error), new RegExp(`PID ${process.pid}`));
        return true;
      });
      assert.deepEqual(contentOf(db), before);
      db.close();
      assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1");
    }),
  );
}

/** By the driver itself, which nobody refuses anything. */
function contentOf(db: Database): unknown {
  const native = db.native as {
    prepare(sql: string): { get(): { n: number } };
  };
  return { ...native.prepare("SELECT count(*) AS n FROM t").get() };
}

/** The lock file is looked at once per 100 ms. */
function waitOutFreshness(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}

test(
  "a deleted lock file is noticed, and a new handle puts things right",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    rmSync(`${path}.lock`);
    await waitOutFreshness();
    assert.throws(() => insert(db, 2), isLost);
    assert.throws(() => db.reopen(), isLost);
    assert.throws(() => open(path, QUIET), isLost);
    db.close();
    const anew = make(path);
    insert(anew, 3);
    anew.close();
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,3");
  }),
);

test(
  "a second SQLite library in the process is noticed as well",
  {
    skip: withoutPackages ||
      notOn("deno", "better-sqlite3 is an addon of Node"),
  },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const db = make(path);
    insert(db, 1);
    await neighbour.open(path);
    const other = new (load("better-sqlite3"))(path);
    other.prepare("SELECT count(*) FROM t").get();
    other.close();
    await neighbour.close();
    if (existsSync(`${path}-wal`)) neighbour.dropLocks(path);
    else assert.throws(() => insert(db, 2), isLost);
    db.close();
  }),
);

function notOn(id: string, why: string): string | false {
  return thisRuntime().id === id || thisRuntime().id === "bun" ? why : false;
}

test(
  "copying the file does the same; the refusal says what happened and what to do",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const db = make(path);
    const count = db.prepare("SELECT count(*) AS n FROM t");
    insert(db, 1);
    await neighbour.open(path);
    copyFileSync(path, `${path}.copy`);
    neighbour.dropLocks(path, `${path}.copy`);
    await neighbour.close();
    // Others have gone on, and a lost connection does not see it.
    assert.throws(() => db.checkpoint(), isLost);
    assert.throws(() => db.poll(), isLost);
    assert.throws(() => count.get(), isLost);
    assert.throws(() => db.read(() => 1), isLost);
    assert.throws(() => insert(db, 2), ({ message }: Error) => {
      assert.ok(message.startsWith(`Cannot write to "${path}"`), message);
      assert.match(message, new RegExp(`PID ${process.pid}`));
      assert.match(message, /fs\.readFile, fs\.copyFile, a second SQLite/);
      // Nothing can be concluded from a lost WAL alone.
      assert.match(message, /moments before this one may be lost/);
      assert.match(message, /reopen\(\)/);
      assert.match(message, /backup\(\)/);
      return true;
    });
    db.close();
  }),
);

for (const how of ["write", "run"]) {
  test(
    `a commit that went into the deleted WAL is not called safe by ${how}`,
    { skip: needs("unlinking") },
    withDatabase(async (path) => {
      const db = make(path);
      insert(db, 1);
      // As when the last one closes, but for the checkpoint before that.
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
      await pause(2);
      assert.throws(
        () => WRITES[how]?.(db),
        /moments before this one may be lost/,
      );
      db.close();
    }),
  );
}

test(
  "what is in a WAL that was deleted alone is rescued",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    rmSync(`${path}-wal`);
    await pause(2);
    assert.throws(() => insert(db, 2), /Nothing that was acknowledged is lost/);
    db.reopen();
    insert(db, 3);
    db.close();
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,3");
  }),
);

test(
  "what was rescued is not said to be there once its database is gone",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    rmSync(`${path}-wal`);
    await pause(2);
    const rescued = /Nothing that was acknowledged is lost/;
    assert.throws(() => insert(db, 2), rescued);
    assert.throws(() => insert(db, 2), rescued);
    rmSync(path);
    assert.throws(() => insert(db, 2), /moments before this one may be lost/);
    db.close();
  }),
);

test(
  "a lost connection does not write over what others have written since",
  { skip: needs("/proc") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const db = make(path);
    insert(db, 1);
    await lose(path, neighbour);
    // Into the unlinked WAL, as within the moment before the next look.
    (db.native as { exec(sql: string): void })
      .exec("INSERT INTO t SELECT 5, zeroblob(3000)");
    assert.ok(statSync(path).size > 0);
    await neighbour.open(path);
    await neighbour.write(
      "CREATE TABLE later (x); INSERT INTO later SELECT zeroblob(9000);" +
        "INSERT INTO t SELECT 7, zeroblob(5000)",
    );
    await neighbour.close();
    assert.throws(() => insert(db, 2), isLost);
    db.close();
    if (existsSync("/proc/self/fd")) {
      const anew = open(path, QUIET);
      assert.deepEqual(anew.prepare("SELECT n FROM t").all(), [
        { n: 1 },
        { n: 7 },
      ]);
      anew.close();
    } else {
      assert.throws(() => open(path, QUIET), /Start the process again/);
    }
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,7");
    assert.equal(query(path, "SELECT count(*) FROM later"), "1");
  }),
);

test(
  "nor does one whose -wal and -shm were moved, which nobody empties",
  { skip: needs("/proc") },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    insert(db, 2);
    for (const end of ["-shm", "-wal"]) {
      renameSync(path + end, `${path}.moved${end}`);
    }
    const { size } = statSync(`${path}.moved-wal`);
    await waitOutFreshness();
    assert.throws(() => insert(db, 3), /may be lost/);
    assert.equal(statSync(`${path}.moved-wal`).size, size);
    query(path, "CREATE TABLE later (x)");
    db.close();
    open(path, QUIET).close();
    checkIntegrity(path);
    assert.equal(query(path, "SELECT count(*) FROM later"), "0");
  }),
);

test(
  "nor does it when the process exits",
  { skip: needs("/proc") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const child = start(thisRuntime(), CHILD, path);
    assert.equal(await child.line(), "open");
    const step = async (): Promise<void> => {
      child.say("next");
      assert.equal(await child.line(), "done");
    };
    await neighbour.open(path);
    await step();
    await neighbour.close();
    assert.ok(!existsSync(`${path}-wal`), "the neighbour deleted the WAL");
    await step();
    await neighbour.open(path);
    await neighbour.write(
      "CREATE TABLE later (x); INSERT INTO later SELECT zeroblob(9000);" +
        "INSERT INTO t SELECT 7, zeroblob(5000)",
    );
    await neighbour.close();
    await step();
    child.say("exit");
    assert.equal((await child.ended).code, 0);
    checkIntegrity(path);
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,7");
    assert.equal(query(path, "SELECT count(*) FROM later"), "1");
  }),
);

test(
  "an adopted connection that lost its WAL is refused too",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const bare = raw(path);
    const db = adopt(bare.native, QUIET);
    db.exec("CREATE TABLE t (n INTEGER)");
    await lose(path, neighbour);
    assert.throws(() => insert(db, 1), isLost);
    assert.throws(() => db.reopen(), { code: "LITELATCH_UNSUPPORTED" });
    db.close();
    bare.close();
  }),
);

for (const sql of ["PRAGMA journal_mode", "PRAGMA journal_mode=WAL"]) {
  test(
    `a -wal that is deleted after ${sql} is noticed all the same`,
    { skip: needs("unlinking") },
    withDatabase(async (path) => {
      const db = make(path);
      db.prepare(sql).get();
      rmSync(`${path}-wal`);
      await pause(5);
      assert.throws(() => insert(db, 1), isLost);
      db.close();
      assert.equal(query(path, "SELECT count(*) FROM t"), "0");
    }),
  );
}

test(
  "a journal mode that is changed there and back is no loss",
  withDatabase((path) => {
    const db = make(path);
    for (const mode of ["delete", "wal"]) {
      db.exec(`PRAGMA journal_mode=${mode}`);
      insert(db, 1);
    }
    db.exec("PRAGMA journal_mode=delete");
    db.exec("PRAGMA journal_mode=wal");
    insert(db, 1);
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM t"), "3");
  }),
);

const ATTACHINGS = ["", "-wal"].flatMap((end) =>
  ["outside of", "in"].map((where) => ({ end, where }))
);
for (const { end, where } of ATTACHINGS) {
  test(
    `an attached database whose ${
      end || "file"
    } is lost is noticed, attached ${where} a write`,
    { skip: needs("unlinking") },
    withDatabase(async (path, folder) => {
      const second = join(folder, "second.db");
      make(second).close();
      const db = make(path);
      const attach = () => db.exec(`ATTACH '${second}' AS b`);
      if (where === "in") db.write(attach);
      else attach();
      await pause(5);
      rmSync(second + end);
      await pause(5);
      const insertThere = () => db.exec("INSERT INTO b.t (n) VALUES (1)");
      assert.throws(() => db.write(insertThere), isLost);
      db.close();
      assert.equal(existsSync(second), end !== "");
    }),
  );
}

for (const lock of ["exclusive", "shared"] as const) {
  test(
    `a lock file that is read in here ends the right to write, ${lock}`,
    { skip: needs("/proc") },
    withDatabase(async (path) => {
      const db = open(path, { ...QUIET, lock });
      db.exec("CREATE TABLE t (n INTEGER)");
      insert(db, 1);
      await pause(OLD_MS);
      insert(db, 2);
      readFileSync(`${path}.lock`);
      const child = start(otherRuntime(), "database_child.ts");
      const ask = { do: "open", path, options: { lock: "exclusive" } } as const;
      const answer = await child.ask(ask);
      assert.ok(answer.ok, `the kernel dropped the lock: ${answer.message}`);
      await pause(OLD_MS);
      assert.throws(() => insert(db, 3), (error) => {
        assert.ok(isLost(error), String(error));
        assert.match(String(error), /app\.db\.lock was .* or read by fs/);
        return true;
      });
      // It does not count on what is lost.
      assert.throws(() => open(path, { ...QUIET, lock }), isLost);
      db.close();
      assert.throws(() => open(path, { ...QUIET, lock }), (error) => {
        assert.match(String(error), new RegExp(`PID ${child.pid}`));
        return error instanceof LockedError;
      });
      await child.ask({ do: "exec", sql: "INSERT INTO t VALUES (4)" });
      await child.ask({ do: "close" });
      assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,2,4");
      open(path, { ...QUIET, lock }).close();
    }),
  );
}
