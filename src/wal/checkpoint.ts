/**
 * One checkpoint, and what came of it.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { isBusy, primaryCode, SQLITE } from "../driver/result_codes.ts";
import { quickStat } from "../os/stat.ts";

/** How long a writer may have to wait for each attempt, in milliseconds. */
export const ATTEMPTS_MS = [20, 20, 40, 40, 80, 80, 160] as const;

/** How far a checkpoint came. */
export interface Progress {
  /** Whether all is in the database, and the file empty if it was to be. */
  done: boolean;
  /** Frames in the WAL; -1 behind `ownRead` or another's checkpoint. */
  log: number;
  /** Those in the database. If not all, a reader keeps the others back. */
  checkpointed: number;
  /** Whether this very connection is reading, so that nothing was tried. */
  ownRead: boolean;
}

/** Size of the WAL file in bytes. */
export function walBytes(path: string): number {
  return quickStat(`${path}-wal`)?.size ?? 0;
}

/** Moves what it can into the database, and makes nobody wait. */
export function passive(connection: Connection): Progress {
  return checkpoint(connection, "PASSIVE");
}

/**
 * Moves everything and empties the file. While it waits for readers it holds
 * the write lock, so `patienceMs` is what a writer may have to wait
 * (https://sqlite.org/c3ref/wal_checkpoint_v2.html).
 */
export function truncate(connection: Connection, patienceMs: number): Progress {
  const before = connection.value("PRAGMA busy_timeout");
  connection.exec(`PRAGMA busy_timeout=${Math.round(patienceMs)}`);
  try {
    return checkpoint(connection, "TRUNCATE");
  } finally {
    connection.exec(`PRAGMA busy_timeout=${before}`);
  }
}

/**
 * Whether the WAL holds frames that are not in the database; moves none. `true`
 * where it cannot be told: before 3.51 an unknown mode is a passive checkpoint
 * (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
 */
export function hasPendingFrames(connection: Connection): boolean {
  return numberOf(versionOf(connection)) < 3_051_000 ||
    !checkpoint(connection, "NOOP").done;
}

/**
 * Why checkpoints of ours could corrupt the database; `null` if they cannot.
 * Up to 3.51.2 SQLite has the WAL-reset bug, but for 3.50.7 and 3.44.6, to
 * which the mend was carried back (https://sqlite.org/wal.html#walresetbug).
 */
export function whyNoCheckpoints(connection: Connection): string | null {
  const version = versionOf(connection);
  const number = numberOf(version);
  const isMended = number >= 3_051_003 ||
    (number >= 3_050_007 && number < 3_051_000) ||
    (number >= 3_044_006 && number < 3_045_000);
  return isMended ? null : `SQLite ${version} has the WAL-reset bug, which ` +
    "checkpoints beside writers trigger; update the runtime";
}

/** Of the library itself: process.versions names another on some builds. */
function versionOf(connection: Connection): string {
  return String(connection.value("SELECT sqlite_version()"));
}

/** As SQLite counts: 3.51.2 is 3051002. */
function numberOf(version: string): number {
  return version.split(".").reduce((sum, part) => sum * 1000 + Number(part), 0);
}

function checkpoint(connection: Connection, mode: string): Progress {
  const statement = connection.prepare(`PRAGMA wal_checkpoint(${mode})`);
  try {
    const row = Object.values(statement.get([]) ?? {});
    const [busy, log = -1, checkpointed = -1] = row.map(Number);
    // busy is 0 also where a reader keeps frames back from a passive one.
    const done = busy === 0 && log === checkpointed;
    return { done, log, checkpointed, ownRead: false };
  } catch (error) {
    const ownRead = primaryCode(error) === SQLITE.LOCKED;
    if (!ownRead && !isBusy(error)) throw error;
    return { done: false, log: -1, checkpointed: -1, ownRead };
  } finally {
    statement.finalize();
  }
}
