/** Which SQLite this runtime has, for those that open no database. @module */

import { openConnection } from "./runtime.ts";

/**
 * Asks the library itself, on a database in memory: process.versions names
 * another on some builds.
 *
 * @throws {UnsupportedError} Where there is none.
 */
export function sqliteVersion(): string {
  const how = { readOnly: false, create: true };
  const connection = openConnection(":memory:", how);
  try {
    return String(connection.value("SELECT sqlite_version()"));
  } finally {
    connection.close();
  }
}
