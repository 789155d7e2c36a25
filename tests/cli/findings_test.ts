import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect, type Report } from "../../src/inspect/mod.ts";
import { findingsOf } from "../../src/cli/findings.ts";
import { elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";

const skip = needs("/proc");

/** Codes of what several looks find, but for the SQLite of this runtime. */
function codes(reports: Report[]): string[] {
  const last = reports.at(-1)!;
  return findingsOf({ reports, last, limit: 2 ** 30 })
    .map(({ code }) => code)
    .filter((code) => code !== "wal-reset-bug");
}

/** Copies of one report, each changed in its way. */
function looks(
  report: Report,
  ...changes: ((look: Report) => void)[]
): Report[] {
  return changes.map((change) => {
    const look = structuredClone(report);
    change(look);
    return look;
  });
}

const same = () => {};

test(
  "a writer whose commits cannot be counted is not said to make none",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    await child.ask({ do: "exec", sql: "BEGIN IMMEDIATE" });
    const report = inspect(path);
    const unread = (look: Report) => {
      look.database!.commits = null;
    };
    const hidden = (look: Report) => {
      look.database = null;
    };
    assert.deepEqual(codes(looks(report, same, same)), ["write-lock-kept"]);
    assert.deepEqual(codes(looks(report, unread, unread)), []);
    assert.deepEqual(codes(looks(report, hidden, hidden)), []);
    assert.deepEqual(codes(looks(report, same, unread)), []);
  }),
);

test(
  "a WAL is called damaged only where it is in every look",
  withDatabase((path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const report = inspect(path);
    const wal = { bytes: 4152, frames: 0, checkpointed: 0 };
    const says = (valid: boolean) => (look: Report) => {
      look.wal = { ...wal, valid, readMarks: null, pinnedBy: null };
    };
    const bad = says(false);
    assert.deepEqual(codes(looks(report, bad, bad)), ["wal-damaged"]);
    assert.deepEqual(codes(looks(report, bad, says(true))), []);
    assert.deepEqual(codes(looks(report, says(true), bad)), []);
    assert.deepEqual(codes(looks(report, same, bad)), []);
  }),
);

test(
  "a database that grows while it is looked at is not said to be cut off",
  withDatabase((path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const report = inspect(path);
    // Its size is looked at first, and what it says of its size then.
    const says = (pages: number, inFile: number) => (look: Report) => {
      look.database!.pages = pages;
      look.file!.bytes = inFile * look.database!.pageSize!;
    };
    assert.deepEqual(codes(looks(report, says(9, 8), says(9, 8))), [
      "truncated",
    ]);
    assert.deepEqual(codes(looks(report, says(9, 8), says(10, 9))), []);
    assert.deepEqual(codes(looks(report, says(9, 8), says(9, 9))), []);
  }),
);

test(
  "nobody is said to pin a large WAL only where every look could tell",
  withDatabase((path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const report = inspect(path);
    const wal = { bytes: 2 ** 31, frames: 9, checkpointed: 0, valid: true };
    const says = (pinnedBy: number[] | null) => (look: Report) => {
      look.wal = { ...wal, readMarks: null, pinnedBy };
      look.reasons = pinnedBy === null ? { "wal.pinnedBy": "of fog" } : {};
    };
    const what = (...pins: (number[] | null)[]) => {
      const reports = looks(report, ...pins.map(says));
      const last = reports.at(-1)!;
      return findingsOf({ reports, last, limit: 2 ** 30 })
        .find(({ code }) => code === "wal-large")?.what ?? "";
    };
    assert.match(what([], []), /nobody reads/);
    assert.match(what([7, 8], [8]), /8 .*reads an old snapshot/);
    assert.match(what([], null), /cannot be told: of fog/);
    assert.match(what(null, []), /cannot be told: of fog/);
  }),
);
