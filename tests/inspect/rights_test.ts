import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Report } from "../../src/inspect/mod.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { cliAsNobody, cliOn } from "../fixtures/command.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { inContainer, needs } from "../fixtures/machine.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";
import { unexplained } from "./fixtures/reasons.ts";

const WITHOUT = fileURLToPath(
  new URL("fixtures/without_descriptors.ts", import.meta.url),
);
const LINUX = !needs("/proc");
const ROOT = process.getuid?.() === 0;
// With hidepid another user's processes are not even to be seen.
const HIDES = LINUX &&
  /^proc .*hidepid=[^0,]/m.test(readFileSync("/proc/self/mounts", "utf8"));

function reportOf(stdout: string): Report {
  const report = JSON.parse(stdout) as Report;
  assert.deepEqual(unexplained(report), [], stdout);
  return report;
}

test(
  "with no descriptor left the processes are not known, and the reason is said",
  { skip: needs("/proc") },
  withDatabase((path) => {
    elsewhere(path, "CREATE TABLE t (x)");
    const { stdout, stderr } = spawnSync("sh", [
      ...["-c", 'ulimit -n 100; exec "$@"', "sh", ...thisRuntime().command],
      WITHOUT,
      path,
    ], { encoding: "utf8" });
    assert.equal(stderr, "");
    const report = reportOf(stdout);
    assert.equal(report.processes, null);
    assert.match(report.reasons["processes"] ?? "", /too many open files/);
  }),
);

test(
  "with Node's narrow permissions the processes are not known, and it says why",
  { skip: !thisRuntime().id.startsWith("node") && "a matter of Node" },
  withDatabase((path, folder) => {
    elsewhere(path, "CREATE TABLE t (x)");
    const [program = "", ...rest] = thisRuntime().command;
    const sources = fileURLToPath(new URL("../../", import.meta.url));
    const { stdout, stderr } = spawnSync(program, [
      ...["--permission", "--no-warnings", ...rest],
      ...[`--allow-fs-read=${folder}/*`, `--allow-fs-read=${sources}*`],
      WITHOUT,
      path,
    ], { encoding: "utf8" });
    assert.equal(stderr, "");
    const report = reportOf(stdout);
    assert.equal(report.processes, null);
    if (LINUX) assert.match(report.reasons["processes"] ?? "", /--allow-fs-re/);
  }),
);

test(
  "with Deno's narrow permissions all but the processes is told",
  { skip: needs("/proc") },
  withDatabase(async (path, folder) => {
    const deno = runtimes().find(({ id }) => id === "deno");
    assert.ok(deno);
    const [program = ""] = deno.command;
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path, options: { app: "other" } });
    await child.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
    const command = [
      program,
      "run",
      "--no-prompt",
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
    ];
    const { stdout, stderr, code } = cliOn({ command }, [
      "who",
      "--json",
      path,
    ]);
    assert.equal(code, 0, stderr);
    const report = reportOf(stdout);
    assert.equal(report.processes, null);
    assert.match(report.reasons["processes"] ?? "", /--allow-all/);
    assert.equal(report.lock.state, null);
    assert.equal(report.holders[0]?.pid, child.pid);
    assert.equal(report.holders[0]?.app, "other");
    assert.equal(report.holders[0]?.alive, null);
    assert.equal(report.database?.journalMode, "wal");
    assert.ok((report.wal?.frames ?? 0) > 0);
    const table = cliOn({ command }, ["who", path]).stdout;
    assert.match(table, new RegExp(`${child.pid} .*other`));
    assert.match(table, /Only those with a pidfile are known/);
    assert.ok([0, 1].includes(cliOn({ command }, ["doctor", path]).code ?? 9));
  }),
);

test(
  "another user is told who holds what, though not which files are open",
  { skip: (!LINUX || !ROOT || HIDES) && "needs Linux, root and an open /proc" },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    await child.ask({ do: "exec", sql: "BEGIN IMMEDIATE" });
    for (const runtime of runtimes()) {
      const words = ["who", "--json", path];
      const { stdout, stderr, code } = cliAsNobody(runtime, words);
      assert.equal(code, 0, `${runtime.id}: ${stderr}`);
      const report = reportOf(stdout);
      const found = report.processes?.find(({ pid }) => pid === child.pid);
      assert.equal(found?.writing, true, runtime.id);
      assert.equal(found?.files, null, runtime.id);
      // In a container, what is outside is not even counted.
      if (inContainer()) assert.equal(report.unseen, null, runtime.id);
      else assert.ok((report.unseen ?? 0) > 0, runtime.id);
      assert.equal(report.holders[0]?.alive, true, runtime.id);
      assert.equal(report.file?.folderWritable, true, runtime.id);
    }
  }),
);
