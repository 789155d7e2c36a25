/**
 * Applies the settings of a connection in the right order, and reads every one
 * back: SQLite is silent about a pragma that it does not take.
 *
 * @module
 */

import type { Connection, Value } from "./driver/contract.ts";
import { isBusy } from "./driver/failure.ts";
import { BusyError, PragmaError } from "./errors.ts";
import type { Settings } from "./settings.ts";
import { facts, filesystemOf } from "./os/look.ts";
import { kernelLocks } from "./os/kernel_locks.ts";
import { brief, neighbour } from "./os/neighbours.ts";
import { now, type Waiting } from "./os/waiting.ts";

// https://sqlite.org/pragma.html#pragma_synchronous
const SYNCHRONOUS = { normal: 1, full: 2 };

/**
 * Brings a connection to its settings. Sleeps only while another process
 * switches the same database to WAL.
 *
 * @param path The file, for messages; `null` for a database in memory.
 */
export function* configure(
  connection: Connection,
  settings: Settings,
  path: string | null,
): Waiting<void> {
  // SQLite itself waits next to nothing for WAL: the loop there does, so that
  // openAsync can go on and be aborted.
  connection.exec(`PRAGMA busy_timeout=${Math.min(1, settings.busyTimeout)}`);
  try {
    if (path !== null) yield* writeAhead(connection, settings, path);
  } finally {
    set(connection, "busy_timeout", settings.busyTimeout);
  }
  set(connection, "synchronous", SYNCHRONOUS[settings.synchronous]);
  set(connection, "foreign_keys", settings.foreignKeys ? 1 : 0);
  if (path === null) return;
  set(connection, "journal_size_limit", settings.journalSizeLimit);
  set(connection, "wal_autocheckpoint", settings.walAutocheckpoint);
}

/**
 * Switches to WAL where it is not in force already. The switch ignores the
 * busy handler: of 8 processes that open a fresh file at once, 3 to 6 % fail
 * with a timeout alone, and none when the mode is read first and the switch is
 * tried again.
 */
function* writeAhead(
  connection: Connection,
  settings: Settings,
  path: string,
): Waiting<void> {
  const start = now();
  for (;;) {
    try {
      if (connection.value("PRAGMA journal_mode") === "wal") return;
      // A read-only connection takes the database as it is.
      if (settings.readOnly) return;
      const mode = connection.value("PRAGMA journal_mode=WAL");
      if (mode === "wal") return;
      throw walRefused(path, mode);
    } catch (error) {
      if (!isBusy(error)) throw error;
      const waitedMs = now() - start;
      if (waitedMs >= settings.busyTimeout) {
        throw walBusy(path, waitedMs, error);
      }
    }
    yield 1 + Math.random();
  }
}

// The switch needs the file for itself; somebody reads or writes it in another
// journal mode, and that is not over.
function walBusy(path: string, waitedMs: number, cause: unknown): BusyError {
  const file = facts(path);
  const locks = file === null ? null : kernelLocks(file);
  const pids = [...new Set(locks?.map(({ pid }) => pid))];
  const who = pids.length === 0
    ? "another connection has locked it, and which one cannot be told"
    : `it is locked by ${pids.map(named).join(" and ")}`;
  return new BusyError(
    `Cannot open the database "${path}" in WAL mode: ${who}; waited ` +
      `${Math.round(waitedMs)} ms. End the transaction that is open there, ` +
      "or raise busyTimeout.",
    waitedMs,
    pids,
    { cause },
  );
}

function named(pid: number): string {
  const { command } = neighbour(pid);
  return command === null ? `PID ${pid}` : `PID ${pid} (${brief(command)})`;
}

function walRefused(path: string, mode: Value): PragmaError {
  const type = filesystemOf(path);
  return new PragmaError(
    `Cannot switch "${path}" to WAL: SQLite keeps the journal mode ` +
      `"${mode}"${type === null ? "" : ` on this filesystem (${type})`}. ` +
      "WAL needs shared memory, which network filesystems do not have: put " +
      "the database on a local disk.",
    "journal_mode",
    "wal",
    String(mode),
  );
}

function set(connection: Connection, name: string, wanted: number): void {
  connection.exec(`PRAGMA ${name}=${wanted}`);
  const got = connection.value(`PRAGMA ${name}`);
  if (got === wanted) return;
  throw new PragmaError(
    `Cannot set the pragma ${name}: it must be ${wanted}, SQLite says ${got}`,
    name,
    wanted,
    got as number | null,
  );
}
