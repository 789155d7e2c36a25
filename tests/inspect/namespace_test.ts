import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect, type Report } from "../../src/inspect/mod.ts";
import type { Finding } from "../../src/cli/finding.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { cliOn } from "../fixtures/command.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { missing, notRoot } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { unexplained } from "./fixtures/reasons.ts";

const INTO = ["unshare", "-pf", "--kill-child", "--mount-proc"];

/** What the command says inside a PID namespace of its own. */
function inside<T>(...words: string[]): T {
  const command = [...INTO, ...thisRuntime().command];
  const { stdout, stderr } = cliOn({ command }, words);
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout);
}

test(
  "a reader outside of a container is unknown in it, not nobody",
  { skip: notRoot() || missing([...INTO, "true"]) },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const options = { walAutocheckpoint: 0, heartbeat: false };
    const [reader, writer] = [0, 1].map(() =>
      start(otherRuntime(), "database_child.ts")
    );
    for (const child of [reader!, writer!]) {
      await child.ask({ do: "open", path, options });
    }
    await writer!.ask({ do: "exec", sql: "INSERT INTO t VALUES (1)" });
    await reader!.ask({ do: "exec", sql: "BEGIN; SELECT * FROM t" });
    const sql = "INSERT INTO t VALUES (zeroblob(2000000))";
    await writer!.ask({ do: "exec", sql });
    assert.deepEqual(inspect(path).wal?.pinnedBy, [reader!.pid]);

    const report = inside<Report>("who", "--json", path);
    assert.deepEqual(unexplained(report), []);
    assert.equal(report.wal?.pinnedBy, null);
    assert.match(report.reasons["wal.pinnedBy"] ?? "", /PID namespaces/);
    for (const { pids } of report.wal?.readMarks ?? []) {
      assert.equal(pids, null);
    }
    const words = ["doctor", "--json", "--limit=1", path];
    const { findings } = inside<{ findings: Finding[] }>(...words);
    const large = findings.find(({ code }) => code === "wal-large");
    assert.match(large?.what ?? "", /cannot be told: .*PID namespaces/);
    if (report.sqlite.walResetBug) return;
    const done = inside<Record<string, unknown>>("checkpoint", "--json", path);
    assert.equal(done["blocked"], true);
    assert.equal(done["blockedBy"], null);
  }),
);
