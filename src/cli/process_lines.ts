/**
 * Pidfiles and processes brought together: one line per process.
 *
 * @module
 */

import type {
  ProcessReport,
  RegisteredHolder,
  Report,
} from "../inspect/mod.ts";
import { describe } from "../lock/refusal.ts";
import { list } from "./formats.ts";

/** One process, as far as it is known. */
export interface ProcessLine {
  pid: number;
  /** Its pidfile; `null` if it left none. */
  record: RegisteredHolder | null;
  /** What `/proc` says; `null` where that is not shown. */
  process: ProcessReport | null;
}

/** Everybody who has the database open, those that hold most first. */
export function linesOf(report: Report): ProcessLine[] {
  const records = report.holders.filter((record) => !isStale(record));
  const lines: ProcessLine[] = (report.processes ?? []).map((process) => ({
    pid: process.pid,
    record: records.find((record) => isAbout(record, process.pid)) ?? null,
    process,
  }));
  for (const record of records) {
    const isListed = lines.some(({ pid, record: other, process }) =>
      pid === record.pid &&
      (process === null || isAbout(record, pid)) &&
      (other === null || other.pidNamespace === record.pidNamespace)
    );
    if (!isListed) lines.push({ pid: record.pid, record, process: null });
  }
  return lines.sort((one, other) => weight(other) - weight(one));
}

/** How many records there are of some holders. */
export function countRecords(holders: RegisteredHolder[]): number {
  return holders.reduce(
    (sum, { moreRecords }) => sum + 1 + moreRecords.length,
    0,
  );
}

/**
 * Records of nobody: of processes that are gone, of workers that were ended,
 * and planted ones.
 */
export function staleRecords(report: Report): RegisteredHolder[] {
  return report.holders.filter(isStale);
}

function isStale({ alive, holdsLock, lockReplaced }: RegisteredHolder) {
  return alive === false || (holdsLock === false && lockReplaced !== true);
}

/** What a process holds, in few words. */
export function holdsOf({ process, record }: ProcessLine): string {
  if (process === null) return record === null ? "-" : "?";
  const held: string[] = process.stopped ? ["stopped"] : [];
  const { database, attached } = process;
  if (process.deleted !== null && process.deleted.length > 0) {
    held.push("deleted file");
  }
  if (database === "exclusive") held.push("exclusive lock");
  else if (process.writing) held.push("write lock");
  if (process.checkpointing) held.push("checkpoint");
  if (process.recovering) held.push("recovery");
  // Whoever writes also reads, and so does for moments who waits to.
  if (!process.writing && process.waiting !== "write") {
    held.push(...process.readMarks.map((mark) => `read mark ${mark}`));
    if (database === "shared" && !attached) held.push("read lock");
  }
  if (process.waiting === "lock") held.push("waits for lock");
  if (process.waiting === "write") held.push("waits to write");
  if (process.waiting === null && held.length === 0) return "?";
  return held.length === 0 ? "idle" : held.join(", ");
}

/** A process in a sentence. */
export function nameOf(report: Report, pid: number): string {
  const line = linesOf(report).find((line) => line.pid === pid);
  if (line?.record) return describe(line.record);
  const command = line?.process?.command;
  return command ? `PID ${pid} (${command})` : `PID ${pid}`;
}

const MOST_NAMES = 3;

/** Some processes in a sentence. */
export function namesOf(report: Report, pids: number[]): string {
  const names = pids.slice(0, MOST_NAMES).map((pid) => nameOf(report, pid));
  const more = pids.length - names.length;
  return list(more === 0 ? names : [...names, `${more} more`]);
}

/** What started it, in few words. */
export function commandOf({ record, process }: ProcessLine): string {
  return record?.command ?? process?.command ?? "-";
}

function isAbout(record: RegisteredHolder, pid: number): boolean {
  return record.pid === pid && record.pidNamespace !== "other";
}

function weight({ process }: ProcessLine): number {
  if (process === null) return 0;
  if (process.writing) return 5;
  if (process.checkpointing || process.recovering) return 4;
  if (process.readMarks.length > 0) return 3;
  if (process.waiting !== "none") return 2;
  return process.lock === "exclusive" ? 1 : 0;
}
