/**
 * One look for a command, or why there is nothing to say.
 *
 * @module
 */

import { inspect, type Report } from "../inspect/mod.ts";

/** A command that cannot do its work; the message says why. */
export class Excuse extends Error {}

/** A look; nothing else in the process of a command has the database open. */
export function look(path: string): Report {
  return inspect(path, { alone: true });
}

/** @throws {Excuse} If the look says nothing. */
export function lookOrExcuse(path: string): Report {
  const report = look(path);
  const why = whyNothing(report);
  if (why === null) return report;
  throw new Excuse(`Cannot look at "${report.path}": ${why}`);
}

function whyNothing(report: Report): string | null {
  const { file, database, wal, holders, reasons } = report;
  if (file?.kind === "other") return "it is neither file nor folder";
  if (file?.kind === "file" && database === null) {
    return reasons["database"] ?? "it is not readable";
  }
  if (file !== null || wal !== null || holders.length > 0) return null;
  if (report.unreadable.length + report.foreign.length > 0) return null;
  return reasons["file"] ?? "there is nothing";
}
