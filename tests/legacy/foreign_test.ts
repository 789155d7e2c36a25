import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, LitelatchError, open } from "../../mod.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";

const windows = needs("names");
const OLD = 1_600_000_000;

/** The refusal of a path where no lock is, in the words that name what is. */
function refusedBy(what: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LitelatchError, String(error));
    assert.equal(error.code, "LITELATCH_OPEN");
    assert.match(error.message, what);
    assert.match(error.message, /legacy path .* was not touched/);
    return true;
  };
}

/** All of a file that a lock must leave alone. */
function pictureOf(path: string): string {
  const { ino, size, mtimeMs, ctimeMs, mode } = fs.lstatSync(path);
  return [ino, size, mtimeMs, ctimeMs, mode].join(" ");
}

test(
  "files that have not the form of a lock are refused by name, unharmed",
  inFolder((folder) => {
    const texts: [string, RegExp][] = [
      ["my notes\n", /something else/],
      ["-1", /something else/],
      ["12 of them", /something else/],
      ["12 13\n", /something else/],
      ["1\n0\n1\n", /something else/],
      [" \n", /something else/],
      ["1".repeat(64), /something else/],
      ['{"port":8080}', /something else/],
      ['{"pid":"12"}', /something else/],
      ['{"pid":12', /something else/],
      ["[12]", /something else/],
      ["SQLite format 3\0", /an SQLite database/],
      ['12\n{"v":1,"pid":12}\n', /a record of litelatch itself/],
      ["1".repeat(70_000), /a file of 70000 bytes/],
    ];
    texts.forEach(([text, what], i) => {
      const path = join(folder, `old-${i}`);
      fs.writeFileSync(path, text);
      fs.utimesSync(path, OLD, OLD);
      const before = pictureOf(path);
      for (const mode of ["shared", "exclusive"] as const) {
        const legacy = legacyLocks(path);
        assert.throws(
          () => acquireLock(join(folder, "job"), { mode, legacy }),
          refusedBy(what),
        );
      }
      assert.equal(pictureOf(path), before);
      assert.equal(fs.readFileSync(path, "utf8"), text);
    });
    // Nothing of ours is left, and nobody was kept out.
    acquireLock(join(folder, "job")).release();
  }),
);

test(
  "a database is no lock, be it open here, and keeps its rows and locks",
  inFolder((folder) => {
    const path = join(folder, "app.db");
    elsewhere(path, "PRAGMA page_size=512; CREATE TABLE t (x)");
    const db = open(path, { heartbeat: false });
    db.exec("INSERT INTO t VALUES ('precious')");
    for (const end of ["", "-wal", "-shm"]) {
      const legacy = legacyLocks(path + end);
      const take = () => acquireLock(join(folder, "job"), { legacy });
      assert.throws(take, refusedBy(/database|a file (of|that)/));
    }
    const own = { legacy: legacyLocks(path) };
    assert.throws(() => open(path, own), refusedBy(/database/));
    // Had it been opened and closed here, our locks would be gone, and the next
    // one to close would delete the WAL.
    elsewhere(path, "INSERT INTO t VALUES ('of another')");
    assert.equal(fs.existsSync(`${path}-wal`), true);
    db.write(() => db.exec("INSERT INTO t VALUES ('and more')"));
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM t"), "3");
  }),
);

test(
  "links, devices and FIFOs are refused without being opened",
  { skip: windows },
  inFolder((folder) => {
    const at = (name: string) => join(folder, name);
    assert.equal(spawnSync("mkfifo", [at("fifo")]).status, 0);
    fs.writeFileSync(at("pid"), `${process.pid}\n`);
    fs.symlinkSync(at("pid"), at("link"));
    fs.symlinkSync(at("nothing"), at("dangling"));
    const places: [string, RegExp][] = [
      [at("fifo"), /a FIFO/],
      ["/dev/null", /a device/],
      ["/dev/zero", /a device/],
      [at("link"), /a symbolic link/],
      [at("dangling"), /a symbolic link/],
    ];
    for (const [path, what] of places) {
      const legacy = legacyLocks(path);
      assert.throws(() => acquireLock(at("job"), { legacy }), refusedBy(what));
    }
    assert.equal(fs.readFileSync(at("pid"), "utf8"), `${process.pid}\n`);
    assert.equal(fs.existsSync(at("nothing")), false);
    assert.equal(fs.lstatSync(at("dangling")).isSymbolicLink(), true);
  }),
);

test(
  "a folder with something in it is refused, however old it is",
  inFolder((folder) => {
    const path = join(folder, "old.lock");
    fs.mkdirSync(path);
    fs.writeFileSync(join(path, "mine"), "");
    fs.utimesSync(path, OLD, OLD);
    const legacy = legacyLocks(path);
    assert.throws(
      () => acquireLock(join(folder, "job"), { legacy }),
      refusedBy(/a folder that is not empty/),
    );
    assert.deepEqual(fs.readdirSync(path), ["mine"]);
  }),
);

test(
  "a lock file of litelatch is not taken for an old one, though it is empty",
  { skip: !fs.existsSync("/proc/locks") && "needs /proc/locks" },
  inFolder((folder) => {
    for (const mode of ["shared", "exclusive"] as const) {
      const other = join(folder, `other-${mode}`);
      const lock = acquireLock(other, { mode });
      fs.utimesSync(`${other}.lock`, OLD, OLD);
      const before = pictureOf(`${other}.lock`);
      const legacy = legacyLocks(`${other}.lock`);
      const take = () => acquireLock(join(folder, "job"), { legacy });
      assert.throws(take, refusedBy(/a lock file of litelatch itself/));
      assert.equal(pictureOf(`${other}.lock`), before);
      lock.release();
    }
  }),
);

test(
  "an empty file of a database beside it is not taken for an old lock",
  inFolder((folder) => {
    const beside = join(folder, "beside.db");
    elsewhere(beside, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    for (const end of ["-wal", "-shm", "-journal", ".lock"]) {
      fs.writeFileSync(beside + end, "");
      fs.utimesSync(beside + end, OLD, OLD);
      const legacy = legacyLocks(beside + end);
      const take = () => acquireLock(join(folder, "job"), { legacy });
      assert.throws(take, refusedBy(/belongs to a database beside it/));
      fs.rmSync(beside + end);
    }
  }),
);

test(
  "names of ours and of SQLite are refused as such",
  inFolder((folder) => {
    const path = join(folder, "app.db");
    const ends = [".lock", ".pid", ".pid-0123456789abcdef", "-wal", "-shm"];
    for (const end of ends) {
      const legacy = legacyLocks(path + end);
      assert.throws(() => open(path, { legacy }), TypeError);
      assert.throws(() => acquireLock(path, { legacy }), TypeError);
    }
    assert.deepEqual(fs.readdirSync(folder), []);
  }),
);

test(
  "a second path that is no lock leaves nothing at the first",
  inFolder((folder) => {
    const [first, second] = ["first", "second"].map((name) =>
      join(folder, name)
    ) as [string, string];
    const job = join(folder, "job");
    const legacy = legacyLocks(first, second);
    const guard = legacy.guard(job);
    // It came between the look before the wait and the lock.
    fs.writeFileSync(second, "notes");
    assert.throws(() => guard.enter(), refusedBy(/something else/));
    assert.equal(fs.existsSync(first), false);
    assert.throws(() => acquireLock(job, { legacy }), LitelatchError);
    assert.equal(fs.existsSync(first), false);
    assert.equal(fs.readFileSync(second, "utf8"), "notes");
  }),
);

test(
  "a folder that is missing is an error of ours that names the path",
  inFolder((folder) => {
    const legacy = legacyLocks(join(folder, "no", "old.pid"));
    assert.throws(
      () => acquireLock(join(folder, "job"), { legacy }),
      /LitelatchError: Cannot lock .* legacy path .* must exist/,
    );
  }),
);
