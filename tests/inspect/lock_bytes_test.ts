import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { missing } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CLI = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

// The locks of SQLite in a -shm (https://sqlite.org/walformat.html#wal_locks):
// while a process has one, Windows lets no other one read that byte.
const FIRST = 120;
const LAST = 127;

test(
  "a look reads the -shm, and none of the bytes that are locked there",
  { skip: missing(["strace", "-V"], ["strace", "-o", "/dev/null", "true"]) },
  withDatabase(async (path, folder) => {
    const own = thisRuntime();
    const writer = start(own, "database_child.ts");
    await writer.ask({ do: "open", path });
    const begun = ["CREATE TABLE t (x)", "BEGIN IMMEDIATE", "DROP TABLE t"];
    for (const sql of begun) {
      assert.ok((await writer.ask({ do: "exec", sql })).ok);
    }
    const trace = `${folder}/trace`;
    const calls = "trace=read,pread64,lseek";
    const { stdout } = spawnSync("strace", [
      ...["-f", "-e", calls, "-P", `${path}-shm`, "-o", trace],
      ...own.command,
      ...[CLI, "who", "--json", path],
    ], { encoding: "utf8" });
    const { wal, database } = JSON.parse(stdout);
    assert.ok(wal.frames > 0 && wal.readMarks.length === 5);
    assert.equal(database.pages, 2);
    let at = 0;
    let reads = 0;
    for (const line of readFileSync(trace, "utf8").split("\n")) {
      const [, call, words, result] = /(\w+)\((.*)\) += (\d+)/.exec(line) ?? [];
      if (call === "lseek") at = Number(result);
      if (call !== "read" && call !== "pread64") continue;
      const asked = words!.split(", ").map(Number);
      const from = call === "read" ? at : asked.at(-1)!;
      const length = asked.at(call === "read" ? -1 : -2)!;
      reads++;
      assert.ok(from > LAST || from + length <= FIRST, line);
      if (call === "read") at += Number(result);
    }
    assert.ok(reads >= 2, `${reads} reads`);
  }),
);
