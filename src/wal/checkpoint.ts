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

/** How far a checkpoint came; a passive one is done when it could empty it. */
export interface Progress {
  /** Whether the WAL file is empty now; for a passive one, could be. */
  done: boolean;
  /** Frames in the WAL, and those of them that are in the database; -1 if
   * another connection was at it, or `ownRead`. */
  log: number;
  checkpointed: number;
  /** Whether this very connection is reading, so that nothing was tried. */
  ownRead: boolean;
}

/** Whether a reader keeps frames back; a writer alone never does. */
export function isPinned({ log, checkpointed }: Progress): boolean {
  return checkpointed < log;
}

/** Size of the WAL file in bytes. */
export function walBytes(path: string): number {
  return quickStat(`${path}-wal`)?.size ?? 0;
}

/**
 * Moves what it can into the database, and waits for nobody. The file keeps
 * its size.
 */
export function passive(connection: Connection): Progress {
  const { busy, ...rest } = run(connection, "PASSIVE");
  // busy is 0 also where a reader keeps frames back.
  return { done: busy === 0 && rest.log === rest.checkpointed, ...rest };
}

/**
 * Moves everything into the database and empties the file. While it waits for
 * readers it holds the write lock, so `patienceMs` is what a writer may have to
 * wait (https://sqlite.org/c3ref/wal_checkpoint_v2.html).
 */
export function truncate(connection: Connection, patienceMs: number): Progress {
  const before = Number(connection.value("PRAGMA busy_timeout"));
  connection.exec(`PRAGMA busy_timeout=${Math.max(0, Math.round(patienceMs))}`);
  try {
    const { busy, ...rest } = run(connection, "TRUNCATE");
    return { done: busy === 0 && rest.log <= 0, ...rest };
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
  const [major = 0, minor = 0] = versionOf(connection);
  if (major === 3 && minor < 51) return true;
  const { log, checkpointed, ownRead } = run(connection, "NOOP");
  return ownRead || log > checkpointed;
}

/** The version of SQLite, in numbers. */
export function versionOf(connection: Connection): number[] {
  // Asked of the library itself: process.versions names another one on some
  // builds.
  return String(connection.value("SELECT sqlite_version()"))
    .split(".").map(Number);
}

/**
 * Why checkpoints of ours could corrupt the database; `null` if they cannot.
 * SQLite 3.7.0 to 3.51.2 has the WAL-reset bug, but for 3.50.7 and 3.44.6, to
 * which the mend was carried back (https://sqlite.org/wal.html#walresetbug).
 */
export function whyNoCheckpoints(connection: Connection): string | null {
  const version = versionOf(connection);
  const [major = 0, minor = 0, patch = 0] = version;
  const mended = major !== 3 || minor < 7 || minor > 51 ||
    (minor === 51 && patch > 2) || (minor === 50 && patch >= 7) ||
    (minor === 44 && patch >= 6);
  return mended
    ? null
    : `SQLite ${version.join(".")} has the WAL-reset bug, which checkpoints ` +
      "beside writers trigger; update the runtime";
}

function run(
  connection: Connection,
  mode: "PASSIVE" | "TRUNCATE" | "NOOP",
): Omit<Progress, "done"> & { busy: number } {
  const statement = connection.prepare(`PRAGMA wal_checkpoint(${mode})`);
  try {
    const row = statement.get([]);
    return {
      busy: Number(row?.["busy"]),
      log: Number(row?.["log"]),
      checkpointed: Number(row?.["checkpointed"]),
      ownRead: false,
    };
  } catch (error) {
    const ownRead = primaryCode(error) === SQLITE.LOCKED;
    if (!ownRead && !isBusy(error)) throw error;
    return { busy: 1, log: -1, checkpointed: -1, ownRead };
  } finally {
    statement.finalize();
  }
}
