/**
 * `litelatch doctor`: findings, and the facts below them.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";
import { sleepSync } from "../os/clock.ts";
import type { Wishes } from "./arguments.ts";
import { look, lookOrExcuse } from "./cannot_look.ts";
import type { Finding } from "./finding.ts";
import { findingsOf } from "./findings.ts";
import { count, size } from "./formats.ts";
import { jsonText, printableReport } from "./safe_text.ts";
import { type Screen, wrap } from "./screen.ts";

// What is there in every look is no matter of a moment.
const LOOKS = 5;
const PAUSE_MS = 60;
const INDENT = 11;

/** Looks, and prints what is wrong. */
export function doctor({ path, limit, json }: Wishes, screen: Screen): number {
  const looks = [lookOrExcuse(path)];
  while (looks.length < LOOKS) {
    sleepSync(PAUSE_MS);
    looks.push(look(path));
  }
  const reports = json ? looks : looks.map(printableReport);
  const last = reports.at(-1) as Report;
  const findings = findingsOf({ reports, last, limit });
  if (json) {
    screen.line(jsonText({ findings, report: last }));
  } else print(findings, last, screen);
  return findings.length === 0 ? 0 : 1;
}

function print(findings: Finding[], report: Report, screen: Screen): void {
  const { columns } = screen;
  screen.line(wrap(report.path, columns, 0));
  screen.line();
  for (const { level, what, todo } of findings) {
    const colour = level === "error" ? "red" : "yellow";
    const label = (level === "error" ? "ERROR" : "warning").padEnd(INDENT);
    screen.write(screen.paint(colour, label));
    screen.line(wrap(what, columns, INDENT));
    screen.write(screen.paint("bold", "  do".padEnd(INDENT)));
    screen.line(wrap(todo, columns, INDENT));
    screen.line();
  }
  for (const [name, fact] of facts(report)) {
    screen.write(screen.paint("dim", name.padEnd(INDENT)));
    screen.line(wrap(fact, columns, INDENT));
  }
  screen.line();
  screen.line(
    findings.length === 0
      ? screen.paint("green", verdict(report))
      : `${count(findings.length, "finding")}.`,
  );
}

function verdict({ processes, reasons }: Report): string {
  return processes === null
    ? `Nothing wrong that can be seen from here: ${reasons["processes"]}.`
    : "Healthy.";
}

function facts(report: Report): [string, string][] {
  const { database, wal, lock, processes, filesystem, sqlite } = report;
  const { reasons } = report;
  const why = (fact: string) => `unknown: ${reasons[fact] ?? "no reason"}`;
  return [
    ["database", database === null ? why("database") : databaseWords(report)],
    ["WAL", wal === null ? "none" : walWords(wal)],
    [
      "lock",
      lock.state === null
        ? why("lock.state")
        : lock.state === "free"
        ? "free"
        : `${lock.state}, ${count(lock.pids?.length ?? 0, "holder")}`,
    ],
    [
      "processes",
      processes === null
        ? why("processes")
        : `${processes.length} (see \`litelatch who\`)`,
    ],
    ["disk", filesystem.type ?? why("filesystem.type")],
    ["SQLite", sqlite.version ?? why("sqlite")],
  ];
}

function databaseWords({ database }: Report): string {
  if (database === null || !database.valid) return "not readable as one";
  const { pageSize, pages, journalMode, userVersion } = database;
  if (pageSize === null) return "empty";
  return [
    pages === null ? null : `${count(pages, "page")} of ${size(pageSize)}`,
    journalMode === "wal" ? "WAL" : "rollback journal",
    userVersion === null ? null : `user_version ${userVersion}`,
  ].filter((part) => part !== null).join(", ");
}

function walWords(wal: NonNullable<Report["wal"]>): string {
  const { bytes, frames, checkpointed } = wal;
  return [
    size(bytes),
    frames === null ? null : count(frames, "frame"),
    checkpointed === null ? null : `${checkpointed} of them in the database`,
  ].filter((part) => part !== null).join(", ");
}
