/**
 * One checkpoint, and what came of it.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { isBusy, primaryCode, SQLITE } from "../driver/failure.ts";
import { sizeOf } from "../os/look.ts";

/** How long a writer may have to wait for each attempt, in milliseconds. */
export const ATTEMPTS_MS = [20, 20, 40, 40, 80, 80, 160] as const;

/** How far a checkpoint came. */
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

/** Size of the WAL file in bytes. */
export function walBytes(path: string): number {
  return sizeOf(`${path}-wal`);
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
 *
 * @param busyTimeout What the connection's timeout is outside of here.
 */
export function truncate(
  connection: Connection,
  patienceMs: number,
  busyTimeout: number,
): Progress {
  connection.exec(`PRAGMA busy_timeout=${Math.max(0, Math.round(patienceMs))}`);
  try {
    const { busy, ...rest } = run(connection, "TRUNCATE");
    return { done: busy === 0 && rest.log <= 0, ...rest };
  } finally {
    connection.exec(`PRAGMA busy_timeout=${busyTimeout}`);
  }
}

/**
 * Frames in the WAL that are not in the database yet; moves none. Only where
 * `canCountFrames` says so. `null` where they cannot be counted now. Less than
 * none after a race: who closes as the last one takes no lock for its
 * checkpoint, and may count for a WAL that a writer has begun anew meanwhile.
 */
export function pendingFrames(connection: Connection): number | null {
  const { log, checkpointed, ownRead } = run(connection, "NOOP");
  return ownRead ? null : log - checkpointed;
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
