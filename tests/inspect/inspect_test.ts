import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { inspect, type Report } from "../../src/inspect/mod.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { inFolder, query, withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { needs } from "../fixtures/machine.ts";
import { unexplained } from "./fixtures/reasons.ts";

const LINUX = !needs("/proc");
const skip = !LINUX && "needs /proc/locks";

/**
 * Our own locks on the files of a database, by the kernel. Not by /proc/locks:
 * that comes in pages, and one that others change may lose a line in between.
 */
function ownLocks(path: string): string[] {
  const inodes = ["", "-shm", ".lock"].filter((end) => existsSync(path + end))
    .map((end) => statSync(path + end).ino);
  const lines = readdirSync("/proc/self/fdinfo").flatMap((fd) => {
    const info = `/proc/self/fdinfo/${fd}`;
    // The one of this very look is gone.
    return existsSync(info) ? readFileSync(info, "utf8").split("\n") : [];
  });
  const locks = lines.filter((line) => line.startsWith("lock:"))
    .map((line) => line.replace(/^lock:\s+\d+: /, ""))
    .filter((line) => inodes.some((ino) => line.includes(`:${ino} `)));
  // Each file has them at every descriptor.
  return [...new Set(locks)].sort();
}

/** Names, sizes and times of all files in a folder. */
function picture(folder: string): string[] {
  return readdirSync(folder).sort().map((name) => {
    const { size, mtimeMs, ctimeMs, ino } = statSync(join(folder, name));
    return [name, ino, size, mtimeMs, ctimeMs].join(" ");
  });
}

/** Looks, and holds the report to what every report promises. */
function sound(path: string): Report {
  const report = inspect(path);
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
  assert.deepEqual(unexplained(report), []);
  return report;
}

test(
  "a process that has the database open keeps its locks",
  { skip },
  withDatabase((path) => {
    const db = open(path, { heartbeat: false });
    db.exec("CREATE TABLE t (x); PRAGMA user_version = 7");
    const native = openConnection(path);
    native.exec("BEGIN; SELECT * FROM t");
    db.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    const before = ownLocks(path);
    assert.ok(before.length >= 5, before.join("\n"));
    for (let looks = 0; looks < 5; looks++) {
      const report = sound(path);
      assert.deepEqual(ownLocks(path), before);
      const own = report.processes?.find((one) => one.self);
      assert.equal(own?.writing, true);
      assert.equal(own?.lock, "shared");
      assert.equal(report.database?.userVersion, 7);
      assert.equal(report.wal?.valid, true);
      assert.ok((report.wal?.frames ?? 0) > 0);
      assert.equal(report.holders[0]?.pid, process.pid);
      assert.equal(report.holders[0]?.holdsLock, true);
    }
    native.exec("COMMIT");
    native.close();
    db.exec("ROLLBACK");
    db.close();
  }),
);

test(
  "a process that opened it by another library keeps its locks",
  { skip },
  withDatabase((path) => {
    const native = openConnection(path);
    native.exec("PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const before = ownLocks(path);
    assert.ok(before.length >= 2);
    assert.equal(sound(path).database?.journalMode, "wal");
    assert.deepEqual(ownLocks(path), before);
    native.close();
  }),
);

test(
  "a lock is seen at whichever descriptor of the file took it",
  { skip },
  withDatabase((path) => {
    const db = open(path, { heartbeat: false });
    db.exec("CREATE TABLE t (x)");
    db.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    const before = ownLocks(path);
    // SQLite takes one lock for all connections to a file, with the first
    // descriptor; these have younger ones.
    const more = ["", ".lock"].map((end) =>
      openConnection(path + end, { readOnly: true })
    );
    for (const one of more) {
      one.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    }
    const { lock, holders, processes } = sound(path);
    assert.equal(lock.state, "shared");
    assert.deepEqual(lock.pids, [process.pid]);
    assert.deepEqual(holders.map(({ holdsLock }) => holdsLock), [true]);
    assert.equal(processes?.length, 1);
    const own = processes?.[0];
    assert.equal(own?.lock, "shared");
    assert.equal(own?.database, "shared");
    assert.equal(own?.writing, true);
    assert.equal(own?.waiting, "none");
    const files = ["database", "lock", "shm", "wal"];
    assert.deepEqual(own?.files?.toSorted(), files);
    for (const one of more) one.exec("COMMIT");
    for (const one of more) one.close();
    assert.deepEqual(ownLocks(path), before);
    db.exec("ROLLBACK");
    db.close();
  }),
);

test(
  "no file appears, and none changes",
  withDatabase(async (path, folder) => {
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path, options: { heartbeat: false } });
    await child.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
    await child.ask({ do: "exec", sql: "BEGIN IMMEDIATE" });
    const before = picture(folder);
    for (let looks = 0; looks < 20; looks++) sound(path);
    sound(join(folder, "missing.db"));
    assert.deepEqual(picture(folder), before);
  }),
);

test(
  "what SQLite would say of the newest commit is said",
  withDatabase(async (path) => {
    elsewhere(
      path,
      "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; CREATE TABLE t (x);" +
        "PRAGMA user_version=5; PRAGMA application_id=-3",
    );
    const child = start(otherRuntime(), "database_child.ts");
    const options = {
      walAutocheckpoint: 0,
      journalSizeLimit: 2 ** 30,
      heartbeat: false,
    };
    await child.ask({ do: "open", path, options });
    const compare = () => {
      const { database, wal } = sound(path);
      const asked = (name: string) => Number(query(path, `PRAGMA ${name}`));
      assert.equal(database?.pageSize, 8192);
      assert.equal(database?.userVersion, asked("user_version"));
      assert.equal(database?.applicationId, asked("application_id"));
      assert.equal(database?.pages, asked("page_count"));
      return wal;
    };
    compare();
    // Page 1 is in the WAL now, then pages of others behind it, past the
    // first block of the wal-index.
    await child.ask({ do: "exec", sql: "PRAGMA user_version=6" });
    assert.equal(compare()?.checkpointed, 0);
    for (let times = 0; times < 9; times++) {
      const sql = "INSERT INTO t VALUES (zeroblob(4100000))";
      await child.ask({ do: "exec", sql });
    }
    assert.ok((compare()?.frames ?? 0) > 4062);
    await child.ask({ do: "exec", sql: "PRAGMA user_version=-7" });
    const left = compare();
    const sql = "PRAGMA wal_checkpoint(PASSIVE)";
    const { value } = await child.ask({ do: "get", sql });
    const { log, checkpointed } = value as Record<string, number>;
    assert.equal(left?.frames, log);
    assert.equal(compare()?.checkpointed, checkpointed);
  }),
);

test(
  "a WAL that was left without its wal-index is read by itself",
  { skip: needs("/proc") },
  inFolder(async (folder) => {
    const [from, path] = ["from.db", "app.db"].map((name) =>
      join(folder, name)
    );
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path: from!, options: { lock: "none" } });
    const create = "CREATE TABLE t (x); PRAGMA user_version=9";
    await child.ask({ do: "exec", sql: create });
    const { frames } = inspect(from!).wal!;
    for (const end of ["", "-wal"]) copyFileSync(from! + end, path! + end);
    const before = picture(folder);
    const report = sound(path!);
    assert.equal(report.wal?.frames, frames);
    assert.equal(report.wal?.checkpointed, null);
    assert.equal(report.database?.userVersion, 9);
    assert.deepEqual(picture(folder), before);
    // A WAL whose header is wrong is none: neither for us nor for SQLite.
    const wal = readFileSync(`${path}-wal`);
    wal[17] = wal[17]! ^ 1;
    writeFileSync(`${path}-wal`, wal);
    const damaged = sound(path!);
    assert.equal(damaged.wal?.valid, false);
    assert.equal(damaged.wal?.frames, 0);
    const { userVersion } = damaged.database ?? {};
    assert.notEqual(userVersion, 9);
    assert.equal(query(path!, "PRAGMA user_version"), String(userVersion));
  }),
);

test(
  "a commit is counted, in WAL and in rollback mode",
  withDatabase((path) => {
    for (const mode of ["WAL", "DELETE"]) {
      const db = openConnection(path);
      db.exec(`PRAGMA journal_mode=${mode}; CREATE TABLE ${mode}_t (x)`);
      const before = sound(path).database?.commits ?? Number.NaN;
      for (let i = 0; i < 3; i++) db.exec(`INSERT INTO ${mode}_t VALUES (1)`);
      assert.equal(sound(path).database?.commits, before + 3);
      db.close();
    }
  }),
);

test(
  "what is missing, a folder, or no database is said and not thrown",
  { skip: needs("names") },
  inFolder((folder) => {
    const missing = sound(join(folder, "none.db"));
    assert.equal(missing.file, null);
    assert.match(missing.reasons["file"] ?? "", /nothing/);
    assert.equal(sound(join(folder, "no", "folder", "x.db")).file, null);
    mkdirSync(join(folder, "sub"));
    assert.equal(sound(join(folder, "sub")).file?.kind, "folder");
    assert.equal(sound("/dev/null").file?.kind, "other");
    const text = join(folder, "text");
    writeFileSync(text, "no database at all, but long enough ".repeat(9));
    assert.equal(sound(text).database?.valid, false);
    writeFileSync(text, "");
    assert.equal(sound(text).database?.valid, true);
    assert.equal(sound(text).database?.pageSize, null);
    symlinkSync(text, join(folder, "link"));
    assert.equal(sound(join(folder, "link")).path, text);
    for (const path of ["", ":memory:", "a\0b"]) {
      assert.throws(() => inspect(path), TypeError);
    }
  }),
);

test(
  "a database that is locked exclusively is read all the same",
  { skip: skip || (SQLITE3 === undefined && "needs sqlite3") },
  withDatabase(async (path) => {
    const child = start(otherRuntime(), "database_child.ts");
    const options = { lock: "exclusive", app: "alone" };
    await child.ask({ do: "open", path, options });
    await child.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
    const report = sound(path);
    assert.equal(report.lock.state, "exclusive");
    assert.deepEqual(report.lock.pids, [child.pid]);
    assert.equal(report.holders[0]?.app, "alone");
    assert.equal(report.holders[0]?.mode, "exclusive");
    assert.equal(report.holders[0]?.parentGone, false);
    assert.equal(report.holders[0]?.lockReplaced, false);
    await child.ask({ do: "close" });
    // SQLite's own exclusive mode: no wal-index, and nobody else gets in.
    const other = startSqlite3(path);
    await other.run("PRAGMA locking_mode=EXCLUSIVE; INSERT INTO t VALUES (1)");
    const locked = sound(path);
    assert.equal(locked.processes?.[0]?.database, "exclusive");
    assert.equal(locked.processes?.[0]?.pid, other.child.pid);
    assert.ok((locked.wal?.frames ?? 0) > 0);
    assert.equal(locked.database?.valid, true);
  }),
);
