/**
 * Pidfiles and processes brought together: one entry per process.
 *
 * @module
 */

import type {
  ProcessReport,
  RegisteredHolder,
  Report,
} from "../inspect/report.ts";
import { describe } from "../lock/refusal.ts";
import { brief } from "../os/neighbours.ts";
import { list } from "./words.ts";

/** One process, as far as it is known. */
export interface Person {
  pid: number;
  /** Its pidfile; `null` if it left none. */
  record: RegisteredHolder | null;
  /** What `/proc` says; `null` where that is not shown. */
  process: ProcessReport | null;
}

/** Everybody who has the database open, those that hold most first. */
export function peopleOf(report: Report): Person[] {
  const records = report.holders.filter(({ alive }) => alive !== false);
  const people: Person[] = (report.processes ?? []).map((process) => ({
    pid: process.pid,
    record: records.find((record) => isAbout(record, process.pid)) ?? null,
    process,
  }));
  for (const record of records) {
    if (people.some((person) => person.record?.pid === record.pid)) continue;
    people.push({ pid: record.pid, record, process: null });
  }
  return people.sort((one, other) => weight(other) - weight(one));
}

/** Records of processes that are gone. */
export function staleRecords(report: Report): RegisteredHolder[] {
  return report.holders.filter(({ alive }) => alive === false);
}

/** What a person holds, in few words. */
export function holdsOf({ process, record }: Person): string {
  if (process === null) return record === null ? "-" : "?";
  const held: string[] = [];
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

/** A person in a sentence. */
export function nameOf(report: Report, pid: number): string {
  const person = peopleOf(report).find((person) => person.pid === pid);
  if (person?.record) return describe(person.record);
  const command = person?.process?.command;
  return command ? `PID ${pid} (${brief(command)})` : `PID ${pid}`;
}

const MOST_NAMES = 3;

/** Some people in a sentence. */
export function namesOf(report: Report, pids: number[]): string {
  const names = pids.slice(0, MOST_NAMES).map((pid) => nameOf(report, pid));
  const more = pids.length - names.length;
  return list(more === 0 ? names : [...names, `${more} more`]);
}

/** What started it, in few words. */
export function commandOf({ record, process }: Person): string {
  if (record?.command) return record.command;
  return process?.command ? brief(process.command) : "-";
}

function isAbout(record: RegisteredHolder, pid: number): boolean {
  return record.pid === pid && record.pidNamespace !== "other" &&
    record.alive !== false;
}

function weight({ process }: Person): number {
  if (process === null) return 0;
  if (process.writing) return 5;
  if (process.checkpointing || process.recovering) return 4;
  if (process.readMarks.length > 0) return 3;
  if (process.waiting !== "none") return 2;
  return process.lock === "exclusive" ? 1 : 0;
}
