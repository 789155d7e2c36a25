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

let known: SqliteReport | undefined;

/** Asks the library itself, on a database in memory. */
export function sqliteReport(reasons: Reasons): SqliteReport {
  try {
    known ??= ask();
    return { ...known };
  } catch (error) {
    reasons.note("sqlite", messageOf(error));
    return { version: null, walResetBug: null };
  }
}

function ask(): SqliteReport {
  const connection = openConnection(":memory:", {
    readOnly: false,
    create: true,
  });
  try {
    return {
      version: versionOf(connection).join("."),
      walResetBug: whyNoCheckpoints(connection) !== null,
    };
  } finally {
    connection.close();
  }
}
