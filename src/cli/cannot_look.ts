/**
 * When there is nothing to say.
 *
 * @module
 */

import type { Report } from "../inspect/report.ts";

/** A command that cannot do its work; the message says why. */
export class Excuse extends Error {}

/** Why a report says nothing; `null` if it says something. */
export function cannotLook(report: Report): Excuse | null {
  const { file, database, wal, holders, path, reasons } = report;
  if (file?.kind === "other") {
    return new Excuse(
      `Cannot look at "${path}": it is neither file nor folder`,
    );
  }
  if (file?.kind === "file" && database === null) {
    return new Excuse(
      `Cannot look at "${path}": ${
        reasons["database"] ?? "it is not readable"
      }`,
    );
  }
  if (file !== null || wal !== null || holders.length > 0) return null;
  return new Excuse(
    `Cannot look at "${path}": ${reasons["file"] ?? "there is nothing"}`,
  );
}
