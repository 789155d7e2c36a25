import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "../../src/inspect/mod.ts";
import type { Finding } from "../../src/cli/finding.ts";
import { Child, elsewhere, start } from "../fixtures/children.ts";
import { cli, cliAsNobody } from "../fixtures/command.ts";
import { inFolder, withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { needs } from "../fixtures/machine.ts";
import { withoutMounts } from "../fixtures/privileges.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";

const ORPHAN = fileURLToPath(
  new URL("fixtures/orphan_child.ts", import.meta.url),
);
const CARELESS = fileURLToPath(
  new URL("fixtures/careless_child.ts", import.meta.url),
);
const LINUX = !needs("/proc");
const skip = (!LINUX || SQLITE3 === undefined) && "needs Linux and sqlite3";
const WAL = "PRAGMA journal_mode=WAL; CREATE TABLE t (x)";

/** What the doctor finds, but for the SQLite of this runtime. */
async function findings(
  path: string,
  ...options: string[]
): Promise<Finding[]> {
  const words = ["doctor", "--json", ...options, path];
  const { stdout, stderr } = await cli(...words);
  const { findings } = JSON.parse(stdout || `{"error":"${stderr}"}`);
  return findings.filter(({ code }: Finding) => code !== "wal-reset-bug");
}

/** The one finding there must be. */
async function finding(
  path: string,
  code: string,
  ...options: string[]
): Promise<Finding> {
  const found = await findings(path, ...options);
  assert.deepEqual(found.map((one) => one.code), [code]);
  return found[0]!;
}

test(
  "a write lock that is kept is found with its holder and who waits",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const { child, run } = startSqlite3(path);
    assert.deepEqual(await findings(path), []);
    await run("BEGIN IMMEDIATE");
    const { what, todo, pids } = await finding(path, "write-lock-kept");
    assert.deepEqual(pids, [child.pid]);
    assert.match(what, /database is locked.*\(sqlite3\)/);
    assert.match(todo, /transaction is too long/);
    const { stdout, code } = await cli("doctor", path);
    assert.equal(code, 1);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
    await run("COMMIT");
    assert.deepEqual(await findings(path), []);
  }),
);

test(
  "a WAL past its limit is found with the reader that pins it",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const [reader, writer] = [startSqlite3(path), startSqlite3(path)];
    await writer.run("INSERT INTO t VALUES (1)");
    await reader.run("BEGIN; SELECT * FROM t");
    await writer.run("INSERT INTO t VALUES (zeroblob(3000000))");
    assert.deepEqual(await findings(path), []);
    const { what, pids } = await finding(path, "wal-large", "--limit=1");
    assert.deepEqual(pids, [reader.child.pid]);
    assert.match(what, /^The WAL is 2\.9 MiB, 2 times its limit of 1 MiB\./);
    const blocked = await cli("checkpoint", path);
    assert.equal(blocked.code, 1, blocked.stdout);
    if (inspect(path).sqlite.walResetBug) {
      assert.match(blocked.stdout, /has the WAL-reset bug/);
      return;
    }
    assert.match(blocked.stdout, /a reader keeps an old snapshot/);
    assert.match(
      blocked.stdout,
      new RegExp(`PID ${reader.child.pid} \\(sqlite3`),
    );
    await reader.run("COMMIT");
    assert.deepEqual((await finding(path, "wal-large", "--limit=1")).pids, []);
    const done = await cli("checkpoint", "--json", path);
    assert.equal(done.code, 0, done.stdout);
    assert.equal(JSON.parse(done.stdout).walBytesAfter, 0);
    assert.deepEqual(await findings(path, "--limit=1"), []);
  }),
);

test(
  "an exclusive holder is found, and nothing gets past it",
  { skip },
  withDatabase(async (path) => {
    const holder = start(runtimes()[0]!, "database_child.ts");
    const options = { lock: "exclusive", app: "alone" };
    await holder.ask({ do: "open", path, options });
    const { what, pids } = await finding(path, "locked-exclusively");
    assert.deepEqual(pids, [holder.pid]);
    assert.match(what, /locked exclusively by PID \d+ \(alone, /);
    const checkpoint = await cli("checkpoint", path);
    assert.equal(checkpoint.code, 2);
    assert.match(
      checkpoint.stderr,
      new RegExp(`exclusively by PID ${holder.pid}`),
    );
    const clean = await cli("clean", path);
    assert.equal(clean.code, 1);
    assert.match(clean.stdout, new RegExp(`kept.*PID ${holder.pid}\\b`));
    assert.ok(existsSync(`${path}.pid`));
    assert.equal(
      JSON.parse((await cli("who", "--json", path)).stdout).lock.state,
      "exclusive",
    );
  }),
);

test(
  "clean removes what is proved dead, and keeps the living",
  { skip },
  withDatabase(async (path, folder) => {
    const [dead, living] = [0, 1].map(() =>
      start(runtimes()[0]!, "database_child.ts")
    );
    for (const child of [dead!, living!]) await child.ask({ do: "open", path });
    dead!.kill("SIGKILL");
    await dead!.ended;
    assert.deepEqual((await finding(path, "stale-records")).pids, [dead!.pid]);
    const records = () =>
      readdirSync(folder).filter((name) => name.includes(".pid"));
    assert.equal(records().length, 2);
    const first = await cli("clean", "--json", path);
    assert.equal(first.code, 1);
    const { removed, kept } = JSON.parse(first.stdout);
    assert.equal(removed.length, 1);
    assert.equal(kept[0].pid, living!.pid);
    assert.deepEqual(records(), [kept[0].record]);
    // One that is torn blocks nobody, and goes when nobody is there.
    writeFileSync(`${path}.pid-${"f".repeat(16)}`, '4242\n{"v":1,"pid');
    assert.equal((await finding(path, "stale-records")).pids.length, 0);
    assert.equal((await cli("clean", path)).code, 1);
    assert.equal(records().length, 2);
    await living!.ask({ do: "close" });
    assert.equal((await cli("clean", path)).code, 0);
    assert.deepEqual(records(), []);
    assert.match((await cli("clean", path)).stdout, /There are no records/);
  }),
);

test(
  "a holder without a record, and one whose parent ended, are found",
  { skip },
  withDatabase(async (path, folder) => {
    const script = '"$@" & read line';
    const command = [
      ...thisRuntime().command,
      ORPHAN,
      path,
    ];
    const shell = new Child(["sh", "-c", script, "sh", ...command]);
    const pid = Number(await shell.line());
    try {
      assert.deepEqual(await findings(path), []);
      shell.say("go");
      // The shell ends, and its child keeps its output open.
      const deadline = Date.now() + 30_000;
      while (
        (await findings(path)).length === 0 && Date.now() < deadline
      ) {
        // Bun sends what was said to a child only then.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const { what, pids, todo } = await finding(path, "parent-gone");
      assert.deepEqual(pids, [pid]);
      assert.match(what, /\(orphan, .* although its parent ended/);
      assert.match(todo, new RegExp(`kill ${pid}`));
      assert.match(
        (await cli("who", path)).stdout,
        new RegExp(`${pid} .* gone `),
      );
      for (const name of readdirSync(folder)) {
        if (name.includes(".pid-")) rmSync(join(folder, name));
      }
      const unknown = await finding(path, "holder-unknown");
      assert.deepEqual(unknown.pids, [pid]);
      assert.match(unknown.what, /orphan_child\.ts.*without a pidfile/);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  }),
);

test(
  "files that were deleted under a process are found, and so are lost locks",
  { skip },
  withDatabase(async (path, folder) => {
    const child = start(runtimes()[0]!, "database_child.ts");
    const options = { heartbeat: false };
    await child.ask({ do: "open", path, options });
    await child.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
    assert.deepEqual(await findings(path), []);
    renameSync(`${path}.lock`, join(folder, "elsewhere"));
    const found = (await findings(path)).map(({ code }) => code);
    assert.ok(found.includes("lock-replaced"), found.join());
    renameSync(join(folder, "elsewhere"), `${path}.lock`);
    rmSync(`${path}-wal`);
    const [worst] = await findings(path);
    assert.equal(worst?.code, "deleted-file");
    assert.deepEqual(worst?.pids, [child.pid]);
    child.kill("SIGKILL");
    await child.ended;
    // Its rows were in the WAL.
    for (const end of ["", "-shm"]) rmSync(path + end, { force: true });
  }),
);

test(
  "a process that has lost SQLite's locks is found",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const child = new Child([
      ...thisRuntime().command,
      CARELESS,
      path,
    ]);
    assert.equal(await child.line(), "open");
    assert.deepEqual(await findings(path), []);
    child.say("read");
    assert.equal(await child.line(), "read");
    const { pids, what } = await finding(path, "locks-lost");
    assert.deepEqual(pids, [child.pid]);
    assert.match(what, /has lost SQLite's locks/);
  }),
);

test(
  "what is wrong with the files is found",
  inFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    writeFileSync(path("text"), "this is no database ".repeat(20));
    assert.match(
      (await finding(path("text"), "not-a-database")).todo,
      /backup/,
    );
    elsewhere(path("old.db"), "CREATE TABLE t (x)");
    await finding(path("old.db"), "rollback-journal");
    elsewhere(path("two.db"), WAL);
    linkSync(path("two.db"), path("three"));
    assert.match((await finding(path("two.db"), "hard-links")).what, /2 names/);
    rmSync(path("three"));
    writeFileSync(path("gone.db-wal"), "x".repeat(50));
    const lost = (await findings(path("gone.db"))).map(({ code }) => code);
    assert.deepEqual(lost, ["database-missing", "wal-damaged"]);
  }),
);

test(
  "a database whose end is missing is found",
  inFolder(async (folder) => {
    const path = join(folder, "app.db");
    const rows = "INSERT INTO t VALUES (zeroblob(100000))";
    elsewhere(path, `${WAL}; ${rows}`);
    assert.deepEqual(await findings(path), []);
    const { size } = statSync(path);
    truncateSync(path, size - 1);
    const { level, what } = await finding(path, "truncated");
    assert.equal(level, "error");
    assert.match(what, /^The end .* is missing: .* and says .* pages of 4 KiB/);
    // SQLite takes its size from a WAL that has something in it.
    writeFileSync(`${path}-wal`, "");
    await finding(path, "truncated");
    writeFileSync(`${path}-wal`, "x");
    assert.deepEqual(
      (await findings(path)).map(({ code }) => code),
      ["wal-damaged"],
    );
    rmSync(`${path}-wal`);
    truncateSync(path, 50);
    await finding(path, "not-a-database");
    rmSync(path);
  }),
);

test(
  "a database that a journal takes back to its size is not said to be cut off",
  { skip },
  inFolder(async (folder) => {
    const path = join(folder, "app.db");
    const copy = join(folder, "copy.db");
    elsewhere(path, "CREATE TABLE t (x)");
    const { child, run } = startSqlite3(path);
    await run("PRAGMA cache_size=5");
    await run("BEGIN; INSERT INTO t VALUES (zeroblob(1000000))");
    // What a kill leaves before the commit has written all of its pages.
    for (const end of ["", "-journal"]) copyFileSync(path + end, copy + end);
    const header = openSync(copy, "r+");
    writeSync(header, Uint8Array.of(0, 0, 255, 255), 0, 4, 28);
    closeSync(header);
    await finding(copy, "rollback-journal");
    rmSync(`${copy}-journal`);
    const codes = (await findings(copy)).map(({ code }) => code);
    assert.deepEqual(codes, ["truncated", "rollback-journal"]);
    rmSync(copy);
    child.kill("SIGKILL");
    await child.ended;
  }),
);

test(
  "a folder that cannot be written to is found",
  { skip: process.getuid?.() !== 0 && "needs root, to be somebody else" },
  inFolder((folder) => {
    const sub = join(folder, "sub");
    mkdirSync(sub, 0o755);
    const path = join(sub, "app.db");
    elsewhere(path, WAL);
    const words = ["doctor", "--json", path];
    const { stdout } = cliAsNobody(thisRuntime(), words);
    const codes = JSON.parse(stdout).findings.map(({ code }: Finding) => code);
    assert.ok(codes.includes("unwritable"), stdout);
  }),
);

test(
  "a filesystem that cannot be written to is said to be read-only",
  { skip: (!LINUX && "needs Linux") || withoutMounts },
  inFolder(async (folder) => {
    const mounted = join(folder, "mounted");
    mkdirSync(mounted);
    const mount = (...words: string[]) =>
      assert.equal(spawnSync("mount", words).status, 0);
    mount("-t", "tmpfs", "tmpfs", mounted);
    try {
      const path = join(mounted, "app.db");
      elsewhere(path, WAL);
      assert.deepEqual(await findings(path), []);
      mount("-o", "remount,ro", mounted);
      assert.match(
        (await finding(path, "unwritable")).what,
        /mounted read-only/,
      );
    } finally {
      spawnSync("umount", [mounted]);
    }
  }),
);
