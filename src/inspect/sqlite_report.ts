/**
 * The SQLite of this runtime.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { openConnection } from "../driver/runtime.ts";
import { versionOf, whyNoCheckpoints } from "../wal/checkpoint.ts";
import type { Reasons } from "./reasons.ts";
import type { SqliteReport } from "./report.ts";

let version: string | undefined;

/** Asks it once. */
export function sqliteReport(reasons: Reasons): SqliteReport {
  try {
    version ??= ask();
    return { version, walResetBug: whyNoCheckpoints(version) !== null };
  } catch (error) {
    reasons.note("sqlite", messageOf(error));
    return { version: null, walResetBug: null };
  }
}

/** In memory: an inspection opens no file by SQLite. */
function ask(): string {
  const connection = openConnection(":memory:");
  try {
    return versionOf(connection);
  } finally {
    connection.close();
  }
}
