import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { adopt, type Database, LockLostError, open } from "../../mod.ts";
import { openPaths } from "../../src/os/procfs.ts";
import { elsewhere } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { Neighbour, raw } from "../fixtures/losing.ts";
import { inContainer, needs } from "../fixtures/machine.ts";
import { pause } from "../fixtures/until.ts";

const STILL = { heartbeat: false } as const;

function make(path: string): Database {
  const db = open(path, STILL);
  db.exec("CREATE TABLE t (n INTEGER)");
  return db;
}

function insert(db: Database, n: number): void {
  db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(n));
}

/** Puts another database in the place of this one, as a restore does. */
function replace(path: string): void {
  elsewhere(
    `${path}.new`,
    "PRAGMA journal_mode=WAL;CREATE TABLE t (n INTEGER);" +
      "CREATE TABLE restored (x);INSERT INTO t VALUES (100)",
  );
  renameSync(path, `${path}.old`);
  renameSync(`${path}.new`, path);
}

const SUM = "SELECT group_concat(n) FROM t";

test(
  "the first async body after a replacement does not run on the new file",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    replace(path);
    let runs = 0;
    const write = db.writeAsync(async (tx) => {
      runs++;
      await Promise.resolve();
      tx.exec("INSERT INTO t VALUES (2)");
    });
    await assert.rejects(write, LockLostError);
    assert.equal(runs, 0);
    db.close();
    assert.equal(query(path, SUM), "100");
    assert.equal(query(path, "SELECT count(*) FROM restored"), "0");
    checkIntegrity(path);
  }),
);

test(
  "reopen() after a replacement reads the new file, not the old WAL over it",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    const sum = db.prepare("SELECT group_concat(n) AS sum FROM t");
    const { lock, native } = db;
    insert(db, 1);
    replace(path);
    assert.throws(() => insert(db, 2), LockLostError);
    assert.equal(db.poll(), "replaced");
    db.reopen();
    assert.notEqual(db.native, native);
    assert.equal(db.lock, lock);
    assert.equal(lock?.held, true);
    assert.deepEqual(sum.get(), { sum: "100" });
    insert(db, 101);
    assert.equal(query(path, SUM), "100,101");
    assert.equal(query(path, "SELECT count(*) FROM restored"), "0");
    db.close();
    checkIntegrity(path);
    // What was written into the old file is there, under its new name.
    assert.equal(query(`${path}.old`, SUM), "1");
  }),
);

test(
  "close() after a replacement leaves no old WAL beside the new file",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    insert(db, 1);
    replace(path);
    db.close();
    assert.ok(!existsSync(`${path}-wal`));
    assert.equal(query(path, SUM), "100");
    assert.equal(query(`${path}.old`, SUM), "1");
  }),
);

test(
  "nor does it where a copy of the old -shm was put there too, whoever closes last",
  { skip: inContainer() },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    const neighbour = new Neighbour();
    await neighbour.open(path);
    replace(path);
    copyFileSync(`${path}-shm`, `${path}.copy`);
    renameSync(`${path}.copy`, `${path}-shm`);
    db.close();
    await assert.rejects(neighbour.write("INSERT INTO t VALUES (2)"));
    await neighbour.close();
    assert.ok(!existsSync(`${path}-wal`));
    assert.equal(query(path, SUM), "100");
    checkIntegrity(path);
  }),
);

test(
  "a second handle in this process is not opened beside one on the old file",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    insert(db, 1);
    replace(path);
    assert.throws(() => open(path, STILL), (error) => {
      assert.ok(error instanceof LockLostError);
      assert.match(error.message, /another one was put in its place/);
      return true;
    });
    db.reopen();
    const other = open(path, STILL);
    assert.deepEqual(other.prepare("SELECT n FROM t").all(), [{ n: 100 }]);
    other.close();
    db.close();
  }),
);

test(
  "another process on the old file is refused once the old WAL is cleared away",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const db = make(path);
    insert(db, 1);
    await neighbour.open(path);
    replace(path);
    db.reopen();
    await pause(5);
    const refused = await neighbour.child.ask({
      do: "write",
      sql: "INSERT INTO t VALUES (7)",
    });
    assert.equal(refused.code, "LITELATCH_LOCK_LOST");
    assert.match(refused.message ?? "", /another one was put in its place/);
    await neighbour.close();
    insert(db, 101);
    db.close();
    assert.equal(query(path, SUM), "100,101");
    assert.equal(query(`${path}.old`, SUM), "1");
  }),
);

test(
  "a deleted database is gone, and reopen() begins a new one",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = make(path);
    insert(db, 1);
    for (const end of ["", "-wal", "-shm"]) rmSync(path + end);
    await pause(5);
    assert.equal(db.poll(), "gone");
    assert.throws(() => insert(db, 2), /the file was deleted/);
    assert.equal(db.poll(), "gone");
    db.reopen();
    db.exec("CREATE TABLE t (n INTEGER)");
    insert(db, 3);
    db.close();
    assert.equal(query(path, SUM), "3");
  }),
);

test(
  "a heartbeat does not take a replaced file for dropped locks",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const db = open(path, { heartbeat: 20 });
    db.exec("CREATE TABLE t (n INTEGER)");
    const { native } = db;
    await pause(200);
    replace(path);
    await pause(200);
    assert.equal(db.native, native);
    assert.equal(db.poll(), "replaced");
    db.close();
  }),
);

test(
  "reopen() is for open files of ours, outside of transactions and loops",
  withDatabase((path) => {
    const db = make(path);
    insert(db, 1);
    const unsupported = { code: "LITELATCH_UNSUPPORTED" };
    const memory = open(":memory:");
    assert.throws(() => memory.reopen(), unsupported);
    memory.close();
    const bare = raw(`${path}.2`);
    const adopted = adopt(bare.native, STILL);
    assert.throws(() => adopted.reopen(), unsupported);
    adopted.close();
    bare.close();
    db.write(() =>
      assert.throws(() => db.reopen(), { code: "LITELATCH_OPEN" })
    );
    const rows = db.prepare("SELECT n FROM t").iterate();
    rows.next();
    assert.throws(() => db.reopen(), { code: "LITELATCH_OPEN" });
    rows.return?.();
    db.reopen();
    assert.deepEqual(db.prepare("SELECT n FROM t").all(), [{ n: 1 }]);
    db.close();
    assert.throws(() => db.reopen(), { code: "LITELATCH_CLOSED" });
  }),
);

test(
  "a file that cannot be opened anew says so, and close() still works",
  { skip: needs("unlinking") },
  withDatabase((path, folder) => {
    const db = make(path);
    db.close();
    const strict = open(path, { ...STILL, create: false });
    renameSync(path, `${folder}/away.db`);
    assert.throws(() => strict.reopen());
    assert.throws(() => insert(strict, 1), LockLostError);
    renameSync(`${folder}/away.db`, path);
    strict.reopen();
    insert(strict, 2);
    strict.close();
    strict.close();
    assert.equal(query(path, SUM), "2");
  }),
);

test(
  "both handles are refused after a loss, and one reopen() heals both",
  { skip: needs("unlinking") },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const one = open(path, { heartbeat: false });
    one.exec("CREATE TABLE t (n INTEGER)");
    const other = open(path, { heartbeat: false });
    insert(other, 1);
    const rows = other.prepare("SELECT 1 AS one");
    await neighbour.open(path);
    neighbour.dropLocks(path);
    await neighbour.close();
    assert.throws(() => insert(one, 2), LockLostError);
    assert.throws(() => insert(other, 2), LockLostError);
    one.reopen();
    insert(one, 2);
    insert(other, 3);
    assert.deepEqual(rows.get(), { one: 1 });
    assert.deepEqual(other.prepare("SELECT count(*) AS n FROM t").get(), {
      n: 3,
    });
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,2,3");
    one.close();
    insert(other, 4);
    other.close();
    assert.equal(query(path, "SELECT group_concat(n) FROM t"), "1,2,3,4");
  }),
);

test(
  "reopen() is refused while another handle is busy, and nothing is closed",
  withDatabase((path) => {
    const one = open(path, { heartbeat: false });
    one.exec("CREATE TABLE t (n INTEGER)");
    const other = open(path, { heartbeat: false });
    const { native } = one;
    other.read(() => {
      assert.throws(() => one.reopen(), /in a transaction, or in a loop/);
    });
    assert.equal(one.native, native);
    insert(one, 1);
    insert(other, 2);
    one.close();
    other.close();
  }),
);

test(
  "reopen() leaves what others wrote where a re-pointed link led before",
  { skip: needs("unlinking") },
  withDatabase((path, folder) => {
    const link = `${folder}/link`;
    symlinkSync(path, link);
    const db = make(link);
    insert(db, 1);
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    elsewhere(
      path,
      "PRAGMA journal_mode=WAL; CREATE TABLE theirs (x);" +
        "INSERT INTO theirs VALUES (1)",
    );
    rmSync(link);
    symlinkSync(`${folder}/other.db`, link);
    assert.throws(() => db.reopen(), LockLostError);
    db.reopen();
    assert.equal(db.path, `${folder}/other.db`);
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM theirs"), "1");
  }),
);

for (const why of ["a loss", "a re-pointed link"]) {
  const lose = (path: string, link: string) => {
    if (why === "a loss") return rmSync(`${path}-shm`);
    rmSync(link);
    symlinkSync(`${path}.other`, link);
  };

  test(
    `reopen() after ${why} does not come between the halves of a body`,
    { skip: needs("unlinking") },
    withDatabase((path) => {
      const link = `${path}.link`;
      symlinkSync(path, link);
      const db = open(link, STILL);
      db.exec("CREATE TABLE t (n INTEGER)");
      const body = () => {
        insert(db, 1);
        lose(path, link);
        if (why === "a loss") assert.throws(() => db.poll(), LockLostError);
        assert.throws(() => db.reopen(), /in a transaction/);
        db.prepare("INSERT INTO t VALUES (2)").run();
        throw new Error("undo all");
      };
      assert.throws(
        () => db.write(body),
        why === "a loss" ? LockLostError : /undo all/,
      );
      db.close();
      for (const end of ["", ".other"]) {
        const count = () => query(path + end, "SELECT count(*) FROM t");
        if (existsSync(path + end)) assert.equal(count(), "0");
      }
    }),
  );

  test(
    `nor between those of a body that awaits, after ${why}`,
    { skip: needs("unlinking") },
    withDatabase(async (path) => {
      const link = `${path}.link`;
      symlinkSync(path, link);
      const db = open(link, STILL);
      db.exec("CREATE TABLE t (n INTEGER)");
      const other = open(path, STILL);
      const written = db.writeAsync(async (tx) => {
        insert(tx, 1);
        lose(path, link);
        if (why === "a loss") assert.throws(() => db.poll(), LockLostError);
        await pause(1);
        const one = why === "a loss" ? other : db;
        assert.throws(() => one.reopen(), /in a transaction/);
        tx.prepare("INSERT INTO t VALUES (2)").run();
        throw new Error("undo all");
      });
      await assert.rejects(
        written,
        why === "a loss" ? LockLostError : /undo all/,
      );
      db.close();
      other.close();
      assert.equal(query(path, "SELECT count(*) FROM t"), "0");
    }),
  );
}

test(
  "a loop over rows ends with the connection that was opened anew",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    for (const n of [1, 2, 3]) insert(db, n);
    const rows = db.prepare("SELECT n FROM t").iterate();
    rows.next();
    rmSync(`${path}-shm`);
    assert.throws(() => db.poll(), LockLostError);
    // More than once, as nothing is in its way.
    db.reopen();
    db.reopen();
    assert.throws(() => rows.next(), { code: "LITELATCH_CLOSED" });
    const inner = db.prepare("SELECT n FROM t").iterate();
    inner.next();
    assert.throws(() => db.reopen(), /in a loop over rows/);
    inner.return?.();
    db.reopen();
    db.close();
  }),
);

test(
  "an adopted connection that its owner has closed is in nobody's way",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    const bare = raw(path);
    const adopted = adopt(bare.native, STILL);
    rmSync(`${path}-shm`);
    assert.throws(() => db.poll(), LockLostError);
    assert.throws(() => db.reopen(), /adopted: its owner has to close it/);
    bare.close();
    db.reopen();
    insert(db, 1);
    db.close();
    adopted.close();
  }),
);

for (const how of ["a loop of links", "a file for its folder"]) {
  test(
    `a database is gone where there is ${how} now`,
    { skip: needs("/proc") },
    withDatabase((path, folder) => {
      mkdirSync(`${folder}/in`);
      const at = `${folder}/in/app.db`;
      const db = make(at);
      if (how === "a loop of links") {
        rmSync(at);
        symlinkSync(at, at);
      } else {
        renameSync(`${folder}/in`, `${folder}/away`);
        writeFileSync(`${folder}/in`, "");
      }
      assert.equal(db.poll(), "gone");
      assert.throws(() => {
        for (let i = 0; i < 1e5; i++) insert(db, i);
      }, LockLostError);
      db.close();
      assert.ok(!openPaths("self")?.some((one) => one.includes("app.db")));
      assert.ok(!existsSync(path));
    }),
  );
}
