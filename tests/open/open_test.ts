import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  LitelatchError,
  open,
  openAsync,
  type OpenOptions,
} from "../../mod.ts";
import { Child, fixture, otherRuntime, start } from "../fixtures/children.ts";
import { inFolder, query, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import {
  onSmallDisk,
  ordinary,
  withoutMounts,
  withoutRights,
} from "../fixtures/privileges.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const QUIET = { onWarning: () => {} };

/** Checks that both ways to open fail with a sentence, and leave nothing. */
async function refused(
  path: string,
  said: RegExp,
  options: OpenOptions = {},
): Promise<void> {
  const folder = join(path, "..");
  const list = () => {
    try {
      return readdirSync(folder).sort();
    } catch {
      return null;
    }
  };
  const before = list();
  const check = (error: unknown) => {
    assert.ok(error instanceof LitelatchError, String(error));
    assert.equal(error.code, "LITELATCH_OPEN");
    assert.match(error.message, /^Cannot (?:open the database|use) "/);
    assert.match(error.message, said);
    return true;
  };
  assert.throws(() => open(path, { ...QUIET, ...options }), check);
  await assert.rejects(openAsync(path, { ...QUIET, ...options }), check);
  // The lock file is empty, and never removed.
  const left = list()?.filter((name) => !name.endsWith(".lock"));
  assert.deepEqual(left, before ?? undefined);
}

test(
  "a missing folder is named, and not made",
  inFolder((folder) =>
    refused(join(folder, "no", "app.db"), /its folder must exist/)
  ),
);

test(
  "a folder instead of a file is named",
  inFolder(async (folder) => {
    mkdirSync(join(folder, "app"));
    await refused(join(folder, "app"), /must be a file, but is a folder/);
  }),
);

test(
  "a file that is no database is named, and stays as it is",
  inFolder(async (folder) => {
    const path = join(folder, "notes.txt");
    writeFileSync(path, "these are my notes\n".repeat(100));
    await refused(path, /must be an SQLite database/);
    assert.equal(readFileSync(path, "utf8").length, 1900);
  }),
);

test(
  "a FIFO is named, and not waited for",
  { skip: needs("names") },
  inFolder(async (folder) => {
    const path = join(folder, "pipe");
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    await refused(path, /must be a file, but is a device, a socket or a FIFO/);
  }),
);

for (const end of ["-journal", "-wal", "-shm"]) {
  test(
    `nor is what lies at ${end} and is no file`,
    { skip: needs("names") },
    inFolder(async (folder) => {
      const path = join(folder, "app.db");
      assert.equal(spawnSync("mkfifo", [path + end]).status, 0);
      await refused(
        path,
        /must be a file, but is a device, a socket or a FIFO/,
      );
      assert.ok(statSync(path + end).isFIFO());
      rmSync(path + end);
      mkdirSync(path + end);
      await refused(path, /must be a file, but is a folder/);
      assert.ok(statSync(path + end).isDirectory());
    }),
  );
}

test(
  "create: false and readOnly do not make a missing file",
  withDatabase(async (path, folder) => {
    await refused(path, /must exist, because create is false/, {
      create: false,
    });
    await refused(path, /must exist, because readOnly is true/, {
      readOnly: true,
    });
    assert.deepEqual(readdirSync(folder), []);
  }),
);

test(
  "create: false and readOnly open a file that is there",
  withDatabase((path) => {
    open(path, QUIET).close();
    for (const options of [{ create: false }, { readOnly: true }]) {
      open(path, { ...QUIET, ...options }).close();
    }
  }),
);

test("a path that names nothing is a TypeError", () => {
  const paths = ["", "a\0b", "file:///app.db?mode=ro", "https://x/app.db"];
  for (const path of paths) {
    const wrong = path.startsWith("https") ? new URL(path) : path;
    assert.throws(() => open(wrong, QUIET), TypeError, path);
  }
});

test(
  "a file: URL, a link and a crooked path are the same database",
  { skip: needs("names") },
  inFolder((folder) => {
    mkdirSync(join(folder, "sub"));
    const path = join(folder, "app.db");
    symlinkSync(path, join(folder, "link"));
    const spellings = [
      pathToFileURL(path),
      pathToFileURL(path).href,
      `${folder}/sub/../app.db`,
      join(folder, "link"),
    ];
    for (const spelling of spellings) {
      const db = open(spelling, QUIET);
      assert.equal(db.path, path);
      assert.equal(db.lock?.path, path);
      db.close();
    }
    assert.deepEqual(
      readdirSync(folder).sort(),
      ["app.db", "app.db.lock", "link", "sub"],
    );
  }),
);

test(
  "characters that a URI or a shell would mind are part of the name",
  { skip: needs("names") },
  inFolder((folder) => {
    for (const name of ["a b?c#d.db", "100%.db", "ü'\";.db", ":memory:.db"]) {
      const db = open(join(folder, name), QUIET);
      assert.equal(db.path, join(folder, name));
      db.write(() => db.exec("CREATE TABLE t (a)"));
      db.close();
      assert.ok(statSync(join(folder, name)).size > 0);
    }
  }),
);

test(
  "a database in memory may be spelt as in a URL, and leaves no file",
  inFolder((folder) => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const db = open("file::memory:", QUIET);
      assert.equal(db.path, ":memory:");
      db.write(() => db.exec("CREATE TABLE t (a)"));
      db.close();
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      process.chdir(before);
    }
  }),
);

test(
  "where the working directory was deleted, a relative path is refused",
  { skip: needs("unlinking") },
  inFolder((folder) => {
    const before = process.cwd();
    const gone = join(folder, "gone");
    mkdirSync(gone);
    process.chdir(gone);
    rmSync(gone, { recursive: true });
    try {
      const refused = { name: "LitelatchError", code: "LITELATCH_OPEN" };
      assert.throws(() => open("app.db", QUIET), refused);
    } finally {
      process.chdir(before);
    }
  }),
);

/** Opens in another process that is bound to the rights of files. */
async function openOrdinarily(path: string, options = {}) {
  const { command } = thisRuntime();
  const program = fixture("database_child.ts");
  const child = new Child([...ordinary, ...command, program]);
  const answer = await child.ask({ do: "open", path, options });
  const wrote = answer.ok
    ? await child.ask({ do: "write", sql: "CREATE TABLE u (a)" })
    : null;
  return { answer, wrote };
}

test(
  "a folder without the right to write is named",
  { skip: withoutRights },
  inFolder(async (folder) => {
    const sub = join(folder, "sub");
    mkdirSync(sub);
    chmodSync(sub, 0o555);
    const { answer } = await openOrdinarily(join(sub, "app.db"));
    assert.equal(answer.code, "LITELATCH_OPEN");
    assert.match(answer.message ?? "", /check the rights of the folder/);
    assert.deepEqual(readdirSync(sub), []);
  }),
);

test(
  "a database without the right to write is named",
  { skip: withoutRights },
  withDatabase(async (path) => {
    const db = open(path, QUIET);
    db.exec("CREATE TABLE t (a)");
    db.close();
    chmodSync(path, 0o444);
    const { answer, wrote } = await openOrdinarily(path);
    const said = answer.ok ? wrote : answer;
    assert.equal(said?.ok, false);
    assert.match(said?.message ?? "", /read-only for this user/);
  }),
);

test(
  "readOnly opens a database without the right to write",
  { skip: withoutRights },
  withDatabase(async (path, folder) => {
    const db = open(path, QUIET);
    db.exec("CREATE TABLE t (a)");
    db.close();
    query(path, "PRAGMA journal_mode=DELETE");
    chmodSync(path, 0o444);
    chmodSync(folder, 0o555);
    const options = { readOnly: true, lock: "none" };
    const { answer, wrote } = await openOrdinarily(path, options);
    // Then -wal and -shm are missing, and somebody might write it.
    chmodSync(folder, 0o777);
    chmodSync(path, 0o666);
    query(path, "PRAGMA journal_mode=WAL");
    chmodSync(folder, 0o555);
    const refused = (await openOrdinarily(path, options)).answer;
    chmodSync(folder, 0o777);
    assert.deepEqual(answer.message, undefined);
    assert.equal(wrote?.ok, false);
    assert.match(refused.message ?? "", /must be able to write to its folder/);
  }),
);

test(
  "a database that root makes is its folder's owner's",
  { skip: process.getuid?.() !== 0 && "only root gives files away" },
  inFolder((folder) => {
    chownSync(folder, 65534, 65534);
    const before = process.umask();
    // With one of 002 the group could write it, but not lock it exclusively.
    for (const mask of [0o022, 0o002]) {
      const path = join(folder, `app-${mask}.db`);
      process.umask(mask);
      const db = open(path, QUIET);
      process.umask(before);
      db.exec("CREATE TABLE t (a)");
      for (const end of ["", "-wal", "-shm", ".lock"]) {
        const { uid, gid, mode } = statSync(path + end);
        assert.deepEqual([uid, gid], [65534, 65534], end);
        assert.equal(mode & 0o777, 0o666 & ~mask, end);
      }
      db.close();
    }
  }),
);

test(
  "a full disk is named, and no process seems to hold the lock after it",
  { skip: withoutMounts },
  inFolder((folder) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    onSmallDisk(disk, 64, () => {
      const path = join(disk, "app.db");
      try {
        writeFileSync(join(disk, "filler"), new Uint8Array(100_000));
      } catch {
        // as full as it can be
      }
      assert.throws(() => {
        const db = open(path, QUIET);
        try {
          db.write(() => db.exec("CREATE TABLE t (a)"));
        } finally {
          db.close();
        }
      }, /full/);
      const left = readdirSync(disk).filter((name) => /pid|tmp/.test(name));
      assert.deepEqual(left, []);
      writeFileSync(join(disk, "filler"), "");
      const db = open(path, QUIET);
      db.write(() => db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)"));
      db.close();
      assert.equal(query(path, "SELECT a FROM t"), "1");
    });
  }),
);

test(
  "a disk that fills up in a write leaves all of it or nothing",
  { skip: withoutMounts },
  inFolder((folder) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    onSmallDisk(disk, 400, () => {
      const path = join(disk, "app.db");
      const db = open(path, QUIET);
      db.exec("CREATE TABLE t (a, b)");
      // Small, so that pages spill into the WAL before the commit.
      db.exec("PRAGMA cache_size = 5");
      const insert = db.prepare("INSERT INTO t VALUES (?, zeroblob(3000))");
      let acknowledged = 0;
      let failures = 0;
      for (let i = 0; i < 40; i++) {
        try {
          db.write(() => {
            for (let j = 0; j < 10; j++) {
              try {
                insert.run(i);
              } catch (error) {
                if (failures++ % 2 === 0) throw error; // else swallow it
              }
            }
          });
          acknowledged++;
        } catch {
          // full
        }
      }
      assert.ok(failures > 2);
      db.close();
      const sql = "SELECT count(*) FROM (SELECT a FROM t GROUP BY a)";
      assert.equal(query(path, sql), String(acknowledged));
      assert.equal(query(path, "PRAGMA integrity_check"), "ok");
    });
  }),
);

test(
  "after an open that failed, the lock is free",
  withDatabase(async (path) => {
    writeFileSync(path.replace(".db", ".txt"), "no database\n".repeat(100));
    const wrong = path.replace(".db", ".txt");
    const exclusive = { ...QUIET, lock: "exclusive" as const };
    assert.throws(() => open(wrong, exclusive), /SQLite database/);
    const other = start(otherRuntime(), "database_child.ts");
    const answer = await other.ask({
      do: "open",
      path: wrong,
      options: exclusive,
    });
    assert.match(answer.message ?? "", /SQLite database/);
  }),
);
