import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { inspect, type Report } from "../../src/inspect/mod.ts";
import { locksOn } from "../../src/os/procfs.ts";
import { stat } from "../../src/os/stat.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { cli } from "../fixtures/command.ts";
import { inFolder, withDatabase } from "../fixtures/folder.ts";
import { inContainer, needs } from "../fixtures/machine.ts";
import { withoutMounts } from "../fixtures/privileges.ts";
import { unexplained } from "./fixtures/reasons.ts";
import { plantedRecord } from "./fixtures/records.ts";

const skip = needs("/proc");
const WAL = "PRAGMA journal_mode=WAL; CREATE TABLE t (x)";
const ID = "0123456789abcdef";

function sound(path: string): Report {
  const report = inspect(path);
  assert.deepEqual(unexplained(report), []);
  return report;
}

/** What the doctor finds, but for the SQLite of this runtime. */
async function codes(path: string): Promise<string[]> {
  const { stdout } = await cli("doctor", "--json", path);
  return JSON.parse(stdout).findings
    .map(({ code }: { code: string }) => code)
    .filter((code: string) => code !== "wal-reset-bug");
}

/** Names, kinds, sizes and times of all files in a folder. */
function pictureOf(folder: string): string[] {
  return readdirSync(folder).sort().map((name) => {
    const { mode, size, mtimeMs, ino } = lstatSync(join(folder, name));
    return [name, mode, ino, size, mtimeMs].join(" ");
  });
}

// To read it by fs would drop the locks that this process has on it.
test(
  "a database at the place of a record is told, and keeps its locks",
  { skip },
  withDatabase((path) => {
    const place = `${path}.pid`;
    const db = open(place, { heartbeat: false });
    db.exec("CREATE TABLE t (x)");
    const mine = () =>
      (locksOn(stat(place)) ?? []).filter(({ pid }) => pid === process.pid);
    const before = mine();
    assert.equal(before.length, 1);
    const what = inspect(path).foreign.map(({ name, what }) => [name, what]);
    assert.deepEqual(what, [["app.db.pid", "a file of something else"]]);
    assert.deepEqual(mine(), before);
    db.close();
  }),
);

test(
  "what lies at a name of ours and is something else is told and left alone",
  { skip: process.platform === "win32" && "needs mkfifo" },
  withDatabase(async (path, folder) => {
    elsewhere(path, WAL);
    const plant: Record<string, (place: string) => void> = {
      "a symbolic link": (place) => symlinkSync("/dev/zero", place),
      "a folder": (place) => mkdirSync(place),
      "a device, a socket or a FIFO": (place) =>
        void spawnSync("mkfifo", [place]),
      "a file of something else": (place) => writeFileSync(place, "notes\n"),
    };
    for (const end of [".lock", ".pid", `.pid-${ID}`]) {
      for (const [what, at] of Object.entries(plant)) {
        at(path + end);
        const before = pictureOf(folder);
        const { foreign, lock, holders, unreadable } = sound(path);
        assert.deepEqual(foreign.map(({ name }) => name), [`app.db${end}`]);
        assert.ok(foreign[0]?.what.startsWith(what), foreign[0]?.what);
        assert.deepEqual([...holders, ...unreadable], []);
        if (end === ".lock" && what !== "a file of something else") {
          assert.deepEqual(lock, { exists: false, state: "free", pids: [] });
        }
        assert.deepEqual(await codes(path), ["foreign-file"]);
        const { stdout } = await cli("doctor", path);
        assert.match(stdout.replace(/\s+/g, " "), new RegExp(`${end} is a `));
        const clean = await cli("clean", path);
        assert.match(clean.stdout, /There are no records|foreign {2}app\.db/);
        assert.deepEqual(pictureOf(folder), before);
        rmSync(path + end, { recursive: true });
      }
    }
    writeFileSync(`${path}.lock`, "");
    linkSync(`${path}.lock`, join(folder, "second"));
    assert.match(sound(path).foreign[0]?.what ?? "", /2 names/);
    // A daemon's pidfile, and what is no name of ours at all.
    rmSync(`${path}.lock`);
    writeFileSync(`${path}.pid-old`, "notes");
    writeFileSync(`${path}.pid`, `${process.pid}\n`);
    const names = sound(path).foreign.map(({ name }) => name);
    assert.deepEqual(names, ["app.db.pid"]);
    await cli("clean", path);
    assert.ok(existsSync(`${path}.pid`) && existsSync(`${path}.pid-old`));
  }),
);

test(
  "clean says what keeps it from the lock, and touches nothing",
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    writeFileSync(`${path}.pid`, '12\n{"v":1,"p');
    mkdirSync(`${path}.lock`);
    const { code, stderr } = await cli("clean", path);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /lock file ".*app\.db\.lock" must be an empty file with one name, but it is a folder/,
    );
    assert.ok(existsSync(`${path}.pid`));
  }),
);

test(
  "a planted record names nobody, and clean removes it",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const other = start(otherRuntime(), "database_child.ts");
    for (const sidecar of [null, "1:1", "x", "../etc"]) {
      writeFileSync(`${path}.pid`, plantedRecord(other.pid, { sidecar }));
      const [holder] = sound(path).holders;
      assert.equal(holder?.alive, true);
      assert.equal(holder?.holdsLock, false);
      assert.equal(holder?.lockReplaced, false);
      // Above all, nobody is told to stop that process.
      assert.deepEqual(await codes(path), ["stale-records"]);
      const { stdout } = await cli("who", path);
      assert.doesNotMatch(stdout, new RegExp(`^ *${other.pid} `, "m"));
      assert.match(stdout, /1 record of nobody who holds the lock/);
      assert.equal((await cli("clean", path)).code, 0);
      assert.equal(existsSync(`${path}.pid`), false);
    }
  }),
);

test(
  "the record of a container that was killed is nobody's while nobody has the lock",
  { skip: skip || inContainer() },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const other = start(otherRuntime(), "database_child.ts");
    await other.ask({ do: "open", path });
    const { ino, dev } = lstatSync(`${path}.lock`, { bigint: true });
    const there = { pidNamespace: "pid:[1]", sidecar: `${dev}:${ino}` };
    writeFileSync(
      `${path}.pid-${ID}`,
      plantedRecord(other.pid, { ...there, mode: "shared" }),
    );
    // It may be his.
    assert.deepEqual(await codes(path), []);
    assert.match((await cli("who", path)).stdout, /another PID namespace/);
    await other.ask({ do: "close" });
    assert.equal(sound(path).holders[0]?.holdsLock, false);
    assert.deepEqual(await codes(path), ["stale-records"]);
    const { stdout } = await cli("who", path);
    assert.match(stdout, /^1 record of nobody who holds the lock/m);
    assert.doesNotMatch(stdout, /another PID namespace/);
  }),
);

test(
  "a record of a process that lives and holds nothing goes beside a holder",
  { skip },
  withDatabase(async (path) => {
    const [holder, idle] = [0, 1].map(() =>
      start(otherRuntime(), "database_child.ts")
    );
    await holder!.ask({ do: "open", path });
    const { ino, dev } = lstatSync(`${path}.lock`, { bigint: true });
    // As a worker leaves it that was ended.
    const record = plantedRecord(idle!.pid, { sidecar: `${dev}:${ino}` });
    writeFileSync(`${path}.pid-${ID}`, record);
    const { stdout, code } = await cli("clean", "--json", path);
    assert.equal(code, 1);
    const { removed, kept } = JSON.parse(stdout);
    assert.deepEqual(removed, [`app.db.pid-${ID}`]);
    assert.deepEqual(
      kept.map(({ pid }: { pid: number }) => pid),
      [holder!.pid],
    );
  }),
);

test(
  "a torn record is told as one, and goes when nobody is there",
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const torn = ["", "42", "42\n{", '42\n{"v":1,"pid":4', '42\n{"v":1,}\n'];
    for (const [i, text] of torn.entries()) {
      const name = `app.db.pid-${i}${ID.slice(1)}`;
      writeFileSync(join(path, "..", name), text);
    }
    const { unreadable, foreign } = sound(path);
    // A bare PID may be a daemon's.
    assert.equal(unreadable.length, torn.length - 1);
    assert.equal(foreign.length, 1);
    assert.deepEqual(await codes(path), ["foreign-file", "stale-records"]);
    assert.equal((await cli("clean", path)).code, 0);
    assert.equal(sound(path).unreadable.length, 0);
  }),
);

test(
  "a database with several names, or a mount of its own, is found",
  { skip: skip || withoutMounts },
  inFolder(async (folder) => {
    const path = join(folder, "app.db");
    elsewhere(path, WAL);
    const second = join(mkdtempSync(join(folder, "second-")), "app.db");
    linkSync(path, second);
    assert.equal(sound(second).file?.links, 2);
    assert.deepEqual(await codes(second), ["hard-links"]);
    assert.throws(() => open(second), /hard links/);
    rmSync(second);
    assert.equal(sound(path).file?.mounted, false);
    writeFileSync(second, "");
    assert.equal(spawnSync("mount", ["--bind", path, second]).status, 0);
    try {
      assert.equal(sound(second).file?.mounted, true);
      assert.deepEqual(await codes(second), ["file-mount"]);
      assert.throws(() => open(second), /mount of its own/);
    } finally {
      spawnSync("umount", [second]);
    }
    rmSync(second);
  }),
);
