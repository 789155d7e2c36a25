/**
 * `litelatch who`: the holders table.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";
import { count, since } from "./formats.ts";
import {
  commandOf,
  countRecords,
  holdsOf,
  linesOf,
  type ProcessLine,
  staleRecords,
} from "./process_lines.ts";
import { type Screen, wrap } from "./screen.ts";
import { type Column, table } from "./table.ts";

const LAYOUT: Column[] = [
  { title: "PID", right: true },
  { title: "APP", least: 5 },
  { title: "COMMAND", least: 8 },
  { title: "LOCK" },
  { title: "SINCE" },
  { title: "PARENT", right: true },
  { title: "HOLDS", least: 24 },
];

/** Prints the table. */
export function printWho(report: Report, screen: Screen): void {
  const lines = whoLines(report, screen.columns);
  if (lines.length > 1) {
    const [titles = "", ...rows] = lines;
    screen.line(screen.paint("bold", titles));
    for (const row of rows) screen.line(row);
  } else screen.line("Nobody that can be seen from here has it open.");
  for (const remark of remarks(report)) {
    screen.line(wrap(remark, screen.columns, 0));
  }
}

/** The table as lines, the titles first. */
export function whoLines(report: Report, columns: number): string[] {
  return table(LAYOUT, linesOf(report).map(row), columns);
}

function row(line: ProcessLine): string[] {
  const { pid, record, process } = line;
  const foreign = record?.pidNamespace === "other" ? "*" : "";
  return [
    `${pid}${foreign}`,
    record?.app ?? "-",
    commandOf(line),
    lockOf(line),
    record?.acquiredAt ? since(record.acquiredAt) : "-",
    record?.parentGone ? "gone" : String(process?.ppid ?? record?.ppid ?? "?"),
    holdsOf(line),
  ];
}

function lockOf({ record, process }: ProcessLine): string {
  const lock = process?.lock ?? record?.mode ?? "none";
  return lock === "none" ? "-" : lock === "exclusive" ? "excl." : lock;
}

function remarks(report: Report): string[] {
  const said: string[] = [];
  const stale = staleRecords(report);
  if (stale.length > 0) {
    said.push(
      `${count(countRecords(stale), "record")} of nobody who holds the lock: ` +
        "`litelatch clean` removes them.",
    );
  }
  const shown = linesOf(report).map(({ record }) => record?.pidNamespace);
  if (shown.includes("other")) {
    said.push("* counts in another PID namespace, such as a container.");
  }
  if (report.processes === null) {
    const reason = report.reasons["processes"] ?? "unknown";
    said.push(`Only those with a pidfile are known: ${reason}.`);
  } else if (report.unseen !== null && report.unseen > 0) {
    said.push(
      `${count(report.unseen, "process")} of other users could not be looked ` +
        "into; those that hold a lock are listed all the same.",
    );
  } else if (report.unseen === null) {
    said.push(`Others may have it open: ${report.reasons["unseen"]}.`);
  }
  return said;
}
