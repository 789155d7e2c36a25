/**
 * Which SQLite this runtime has: for those that open no database, and need
 * nothing else of a driver.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { builtin, requireRuntime } from "./runtime.ts";

interface Native {
  prepare(sql: string): { get(): { version: string } };
  close(): void;
}

type Constructor = new (path: string) => Native;

/**
 * Asks the library itself, on a database in memory: process.versions names
 * another on some builds.
 *
 * @throws {UnsupportedError} Where there is none.
 */
export function sqliteVersion(): string {
  const { Database, DatabaseSync = Database } =
    (builtin("bun:sqlite") ?? builtin("node:sqlite") ?? {}) as {
      Database?: Constructor;
      DatabaseSync?: Constructor;
    };
  if (DatabaseSync === undefined) {
    throw new UnsupportedError(
      `Cannot find SQLite in ${requireRuntime()}: use an official build`,
    );
  }
  const native = new DatabaseSync(":memory:");
  try {
    return native.prepare("SELECT sqlite_version() AS version").get().version;
  } finally {
    native.close();
  }
}
