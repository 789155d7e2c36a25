/**
 * The SQLite of this runtime.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { sqliteVersion } from "../driver/sqlite_version.ts";
import { whyNoCheckpoints } from "../wal/checkpoint.ts";
import type { Reasons } from "./reasons.ts";
import type { SqliteReport } from "./report.ts";

let version: string | undefined;

/** Asks it once. */
export function sqliteReport(reasons: Reasons): SqliteReport {
  try {
    version ??= sqliteVersion();
    return { version, walResetBug: whyNoCheckpoints(version) !== null };
  } catch (error) {
    reasons.note("sqlite", messageOf(error));
    return { version: null, walResetBug: null };
  }
}
