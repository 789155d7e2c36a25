/**
 * What becomes of the commits in a WAL that was deleted under its connection.
 *
 * @module
 */

import { emptyDeleted } from "../os/deleted_files.ts";
import { pendingFrames, truncate } from "../wal/checkpoint.ts";
import { hasLostFrames } from "../wal/lost_index.ts";
import type { Session } from "./session.ts";

/**
 * Moves what is in a WAL that was deleted by hand into the database. Also with
 * the WAL-reset bug: what would be lost otherwise weighs more.
 *
 * @returns Whether all of it is there.
 */
export function rescue(session: Session): boolean {
  endOwnTransaction(session);
  try {
    return truncate(session.connection, 100, session.busyTimeout).done;
  } catch {
    return false;
  }
}

/** Whether the deleted WAL holds commits that no other file holds. */
export function mayBeLost(session: Session, canCount: boolean): boolean {
  endOwnTransaction(session);
  const frames = canCount ? pendingFrames(session.connection) : null;
  if (frames !== null) return frames !== 0;
  // What cannot be told is no reason to believe the best.
  return hasLostFrames(session.path) ?? true;
}

/**
 * Makes a connection that lost its WAL harmless, so that it can be closed. As
 * the last one on its file it would move its own frames into the database, over
 * newer pages, and delete whatever is called `-wal` now. From an emptied WAL it
 * can read no frame, and gives up both. Nobody else can reach those frames, and
 * to leave the connection open is not enough: Bun closes what is open when the
 * process exits.
 *
 * @returns Whether it is harmless now.
 */
export function disarm({ path }: Session): boolean {
  return emptyDeleted(`${path}-wal`);
}

/** One that has just begun: it comes too late, and forbids both. */
function endOwnTransaction({ connection, depth }: Session): void {
  if (depth === 1 && connection.inTransaction()) connection.exec("ROLLBACK");
}
