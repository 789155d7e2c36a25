import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { adopt, LitelatchError, LockLostError, open } from "../../mod.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { onSmallDisk, withoutMounts } from "../fixtures/privileges.ts";
import { pause } from "../fixtures/until.ts";

function openFilled(folder: string) {
  const db = open(join(folder, "app.db"), { onWarning: () => {} });
  db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
  return db;
}

function isBackupError(error: unknown): boolean {
  assert.ok(error instanceof LitelatchError, String(error));
  assert.equal(error.code, "LITELATCH_BACKUP");
  assert.match(error.message, /^Cannot copy the database to "/);
  return true;
}

const COPY = needs("names") ? "it's a copy.db" : "it's a copy?.db";

test(
  "a backup is a whole database of its own",
  inFolder((folder) => {
    const db = openFilled(folder);
    db.backup(join(folder, COPY));
    db.exec("INSERT INTO t VALUES (3)");
    db.close();
    const copy = join(folder, COPY);
    assert.equal(query(copy, "SELECT group_concat(a) FROM t"), "1,2");
    assert.deepEqual(
      readdirSync(folder).sort(),
      ["app.db", "app.db.lock", COPY],
    );
  }),
);

test(
  "a backup of a database that was replaced is refused",
  { skip: needs("unlinking") },
  inFolder(async (folder) => {
    const path = join(folder, "app.db");
    const db = open(path, { heartbeat: false });
    db.exec("CREATE TABLE t (a)");
    renameSync(path, `${path}.old`);
    elsewhere(path, "CREATE TABLE other (a)");
    await pause(5);
    assert.throws(() => db.backup(join(folder, "copy.db")), LockLostError);
    assert.deepEqual(readdirSync(folder).includes("copy.db"), false);
    db.close();
  }),
);

test(
  "a backup does not replace what is there",
  inFolder((folder) => {
    const db = openFilled(folder);
    const there = join(folder, "there");
    writeFileSync(there, "mine");
    mkdirSync(join(folder, "sub"));
    const before = readdirSync(folder).sort();
    for (const name of ["there", "sub", "app.db"]) {
      const taken = join(folder, name);
      assert.throws(() => db.backup(taken), isBackupError);
      assert.throws(() => db.backup(taken), /something is there already/);
    }
    const nowhere = join(folder, "no", "copy");
    assert.throws(() => db.backup(nowhere), isBackupError);
    assert.equal(readFileSync(there, "utf8"), "mine");
    assert.deepEqual(readdirSync(folder).sort(), before);
    db.close();
  }),
);

test(
  "a backup is not put beside the -wal or -journal of an earlier file",
  inFolder((folder) => {
    const db = openFilled(folder);
    const copy = join(folder, "copy.db");
    for (const end of ["-wal", "-shm", "-journal"]) {
      writeFileSync(copy + end, "");
      assert.throws(() => db.backup(copy), isBackupError);
      assert.throws(() => db.backup(copy), /is there already; remove it/);
      assert.ok(!existsSync(copy));
      rmSync(copy + end);
    }
    db.backup(copy);
    db.close();
  }),
);

test(
  "a backup inside a transaction is refused",
  inFolder((folder) => {
    const db = openFilled(folder);
    const copy = join(folder, "copy.db");
    assert.throws(() => db.write(() => db.backup(copy)), isBackupError);
    assert.throws(() => db.read(() => db.backup(copy)), isBackupError);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("copy")),
      [],
    );
    db.close();
  }),
);

test(
  "a backup takes only what is committed while another process writes",
  inFolder(async (folder) => {
    const db = openFilled(folder);
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path: db.path });
    const sql = "BEGIN IMMEDIATE; INSERT INTO t VALUES (3)";
    await other.ask({ do: "hold", sql });
    db.backup(join(folder, "copy.db"));
    await other.ask({ do: "exec", sql: "COMMIT" });
    const copied = query(
      join(folder, "copy.db"),
      "SELECT group_concat(a) FROM t",
    );
    assert.equal(copied, "1,2");
    assert.equal(db.prepare("SELECT count(*) AS n FROM t").get()?.["n"], 3);
    db.close();
  }),
);

test(
  "a backup that does not fit leaves nothing",
  { skip: withoutMounts },
  inFolder((folder) => {
    const db = openFilled(folder);
    db.exec("INSERT INTO t VALUES (zeroblob(200000))");
    const disk = join(folder, "disk");
    mkdirSync(disk);
    onSmallDisk(disk, 64, () => {
      assert.throws(() => db.backup(join(disk, "copy.db")), isBackupError);
      assert.throws(() => db.backup(join(disk, "copy.db")), /full/);
      assert.deepEqual(readdirSync(disk), []);
    });
    db.backup(join(folder, "copy.db"));
    db.close();
  }),
);

interface Limited {
  DatabaseSync: new (path: string, options: object) => {
    exec(sql: string): void;
    close(): void;
  };
}

/** A connection to which no file may be attached; `null` where none is so. */
function withoutAttaching(path: string) {
  const sqlite: Limited | undefined = process.getBuiltinModule("node:sqlite");
  if (sqlite === undefined) return null;
  const native = new sqlite.DatabaseSync(path, { limits: { attach: 0 } });
  try {
    native.exec("ATTACH ':memory:' AS other");
    native.close();
    return null;
  } catch {
    return native;
  }
}

test(
  "where the owner lets nothing be attached it is not Deno that is blamed",
  { skip: withoutAttaching(":memory:") === null && "no driver has that limit" },
  inFolder((folder) => {
    const native = withoutAttaching(join(folder, "app.db"));
    const db = adopt(native, { onWarning: () => {} });
    assert.throws(() => db.backup(join(folder, "copy.db")), isBackupError);
    assert.throws(
      () => db.backup(join(folder, "copy.db")),
      /: it may attach no/,
    );
    db.close();
    native?.close();
  }),
);

test(
  "a database in memory can be backed up",
  inFolder((folder) => {
    const db = open(":memory:", { onWarning: () => {} });
    db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (5)");
    db.backup(join(folder, "copy.db"));
    db.close();
    assert.equal(query(join(folder, "copy.db"), "SELECT a FROM t"), "5");
  }),
);
