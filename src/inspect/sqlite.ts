/**
 * The SQLite of this runtime.
 *
 * @module
 */

import { openConnection } from "../driver/runtime.ts";
import { hasWalResetBug } from "../sqlite_version.ts";
import type { Reasons } from "./reasons.ts";
import type { SqliteReport } from "./report.ts";

let known: SqliteReport | undefined;

/** Asks the library itself, on a database in memory. */
export function sqliteReport(reasons: Reasons): SqliteReport {
  if (known !== undefined) return { ...known };
  try {
    const version = ask();
    known = { version, walResetBug: hasWalResetBug(version) };
    return { ...known };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reasons.note("sqlite", reason);
    return { version: null, walResetBug: null };
  }
}

function ask(): string {
  const how = { readOnly: false, create: true };
  const connection = openConnection(":memory:", how);
  const statement = connection.prepare("SELECT sqlite_version() AS version");
  try {
    return String(statement.get([])?.["version"]);
  } finally {
    statement.finalize();
    connection.close();
  }
}
