/** One checkpoint, and what came of it. */

import type { Connection } from "../driver/contract.ts";
import { isBusy, primaryCode, SQLITE } from "../driver/result_codes.ts";
import { quickStat } from "../os/stat.ts";

/** How long a writer may have to wait for each attempt, in milliseconds. */
export const ATTEMPTS_MS = [20, 20, 40, 40, 80, 80, 160] as const;

/** How far a checkpoint came. */
export interface Progress {
  /** Whether all is in the database, and the file empty if it was to be. */
  done: boolean;
  /** Frames in the WAL, and those of them in the database: a reader keeps the
   * others back. Both -1 behind `ownRead` and another checkpoint. */
  log: number;
  checkpointed: number;
  /** Whether this very connection is reading, so that nothing was tried. */
  ownRead: boolean;
}

/** Size of the WAL file in bytes. */
export function walBytes(path: string): number {
  return quickStat(`${path}-wal`)?.size ?? 0;
}

/**
 * A passive one moves what it can and makes nobody wait. The others hold the
 * write lock while they wait for readers: a writer may wait `patienceMs`. After
 * `FULL` and `RESTART` the next one begins the file anew
 * (https://sqlite.org/c3ref/wal_checkpoint_v2.html).
 */
export function checkpoint(
  connection: Connection,
  mode: "PASSIVE" | "FULL" | "RESTART" | "TRUNCATE" | "NOOP" = "PASSIVE",
  patienceMs = 0,
  schema = "",
): Progress {
  const before = connection.value("PRAGMA busy_timeout");
  connection.exec(`PRAGMA busy_timeout=${Math.round(patienceMs)}`);
  try {
    const sql = `PRAGMA ${schema}wal_checkpoint(${mode})`;
    const row = Object.values(connection.rows(sql)[0] ?? {});
    const [busy, log = -1, checkpointed = -1] = row.map(Number);
    // busy is 0 also where a reader keeps frames back from a passive one.
    const done = busy === 0 && log === checkpointed;
    return { done, log, checkpointed, ownRead: false };
  } catch (error) {
    const ownRead = primaryCode(error) === SQLITE.LOCKED;
    if (!ownRead && !isBusy(error)) throw error;
    return { done: false, log: -1, checkpointed: -1, ownRead };
  } finally {
    connection.exec(`PRAGMA busy_timeout=${before}`);
  }
}

/**
 * Empties the file. It is cut right after a look: SQLite goes by the index it
 * began with, and cut off who came by a new `-shm` while it waited for readers.
 *
 * @param look Throws if something is lost; else it gives the connection.
 */
export function empty(patienceMs: number, look: () => Connection): Progress {
  const seen = checkpoint(look(), "RESTART", patienceMs);
  return seen.done ? checkpoint(look(), "TRUNCATE") : seen;
}

// The minor versions with a mend, and the patch that brought it.
const MENDED: Record<number, number> = { 44: 6, 50: 7, 51: 3 };

/**
 * Why checkpoints of ours could corrupt the database with this version of
 * SQLite; `null` if they cannot (https://sqlite.org/wal.html#walresetbug).
 */
export function whyNoCheckpoints(version: string): string | null {
  const [, minor = 0, patch = 0] = version.split(".").map(Number);
  if (minor > 51 || patch >= (MENDED[minor] ?? Infinity)) return null;
  return `SQLite ${version} has the WAL-reset bug, which ` +
    "checkpoints beside writers trigger; update the runtime";
}

/** Of the library itself: process.versions names another on some builds. */
export function versionOf(connection: Connection): string {
  return String(connection.value("SELECT sqlite_version()"));
}
