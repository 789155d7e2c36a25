/**
 * One picture of `litelatch watch`, as lines.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";
import { size } from "./formats.ts";
import { linesOf } from "./process_lines.ts";
import { cut } from "./table.ts";
import { type SeenWait, type WaitLog, waitWords } from "./wait_log.ts";
import { whoLines } from "./who.ts";

/** What a tick says. */
export interface Tick {
  at: string;
  walBytes: number | null;
  limit: number;
  frames: number | null;
  checkpointed: number | null;
  holders: number;
  /** Since the tick before; `null` for the first, or where it is not told. */
  commitsPerSecond: number | null;
  /** PIDs. */
  writing: number[] | null;
  waiting: number[] | null;
  pinnedBy: number[] | null;
  /** Of the last minute, the longest first. */
  longestWaits: SeenWait[];
}

/** Takes the numbers out of a report. */
export function tickOf(
  report: Report,
  before: { report: Report; at: number } | null,
  at: number,
  limit: number,
  log: WaitLog,
): Tick {
  const { wal, processes } = report;
  const some = (is: (one: NonNullable<typeof processes>[number]) => boolean) =>
    processes?.filter(is).map(({ pid }) => pid) ?? null;
  const writing = some((one) => one.writing);
  const waiting = some((one) => one.waiting !== "none" && one.waiting !== null);
  return {
    at: report.at,
    walBytes: wal?.bytes ?? (report.file === null ? null : 0),
    limit,
    frames: wal?.frames ?? null,
    checkpointed: wal?.checkpointed ?? null,
    holders: linesOf(report).length,
    commitsPerSecond: before === null
      ? null
      : rate(before.report, report, at - before.at),
    writing,
    waiting,
    pinnedBy: wal?.pinnedBy ?? null,
    longestWaits: log.note(waiting, writing, at),
  };
}

/** One line for a pipe. */
export function lineOf(tick: Tick): string {
  const pids = (some: number[] | null) =>
    some === null ? "?" : some.length === 0 ? "-" : some.join(",");
  return [
    tick.at.slice(11, 19),
    `wal ${tick.walBytes === null ? "?" : size(tick.walBytes)}`,
    `holders ${tick.holders}`,
    `commits/s ${rateWords(tick)}`,
    `writes ${pids(tick.writing)}`,
    `waits ${pids(tick.waiting)}`,
  ].join("  ");
}

const BAR = 30;

/** A picture of at most `rows` lines. */
export function pictureOf(
  report: Report,
  tick: Tick,
  columns: number,
  rows: number,
): string[] {
  const { walBytes, limit, frames, checkpointed } = tick;
  const full = Math.min(1, (walBytes ?? 0) / limit);
  const filled = Math.round(full * BAR);
  const bar = "#".repeat(filled) + ".".repeat(BAR - filled);
  const open = (frames ?? 0) - (checkpointed ?? 0);
  const lines = [
    cut(report.path, columns),
    `${tick.at.slice(11, 19)}Z  Ctrl-C ends this`,
    "",
    `WAL      [${bar}] ${walBytes === null ? "?" : size(walBytes)} of ${
      size(limit)
    }`,
    `frames   ${frames ?? "?"}, ${
      frames === null || checkpointed === null ? "?" : open
    } not in the database yet`,
    `commits  ${rateWords(tick)} per second`,
    `waiting  ${
      tick.waiting === null
        ? "cannot be told from here"
        : tick.waiting.length === 0
        ? "nobody"
        : cut(`PID ${tick.waiting.join(", ")}`, columns - 9)
    }`,
    ...tick.longestWaits.map((wait, i) =>
      cut(`${i === 0 ? "longest " : "        "} ${waitWords(wait)}`, columns)
    ),
    "",
  ];
  const [titles, ...holders] = whoLines(report, columns);
  if (holders.length === 0) return [...lines, "Nobody has it open."];
  lines.push(titles ?? "");
  // The cursor stays on a line of its own below.
  const room = Math.max(1, rows - lines.length - 1);
  if (holders.length <= room) return [...lines, ...holders];
  const shown = holders.slice(0, room - 1);
  const hidden = holders.length - shown.length;
  return [
    ...lines,
    ...shown,
    `… and ${hidden} more: litelatch who`,
  ];
}

function rate(before: Report, after: Report, ms: number): number | null {
  const [one, other] = [before.database?.commits, after.database?.commits];
  if (one == null || other == null || ms <= 0) return null;
  // It starts anew with the wal-index.
  if (other < one) return null;
  return Math.round((other - one) / ms * 10_000) / 10;
}

function rateWords({ commitsPerSecond }: Tick): string {
  if (commitsPerSecond === null) return "?";
  return commitsPerSecond >= 10
    ? String(Math.round(commitsPerSecond))
    : String(commitsPerSecond);
}
