/**
 * A checkpoint that somebody asked for.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import { holderOf } from "../lock/holders.ts";
import type { Holder } from "../options.ts";
import { sleepSync } from "../os/clock.ts";
import {
  ATTEMPTS_MS,
  isPinned,
  passive,
  type Progress,
  truncate,
  walBytes,
} from "../wal/checkpoint.ts";
import { lastingHolders, type MarkHolder } from "../wal/readers.ts";
import type { Session } from "./session.ts";

/** What a checkpoint did. */
export interface CheckpointResult {
  /** Size of the WAL file before, in bytes. */
  walBytesBefore: number;
  /** Size of the WAL file after, in bytes: 0 if all went well. */
  walBytesAfter: number;
  /** Frames that were in the WAL; -1 if none could be looked at. */
  log: number;
  /** How many of them are in the database now. */
  checkpointed: number;
  /** Whether something kept the WAL from being emptied. */
  blocked: boolean;
  /** Who reads an old snapshot; `null` where that cannot be told. */
  blockedBy: Holder[] | null;
  /** Why it was blocked, in words; `null` if it was not. */
  reason: string | null;
}

// Other writers hold a mark for moments only: a writer at full speed reads half
// of the time.
const LOOKS = 10;
const PAUSE_MS = 2;

/**
 * Empties the WAL, in the short attempts of the keeper.
 *
 * @param forbidden Why there may be none here, in words.
 * @param look Called right before each attempt; throws if the WAL is lost.
 */
export function checkpointNow(
  session: Session,
  forbidden: string | null,
  look: () => void,
): CheckpointResult {
  session.require();
  const { connection, path } = session;
  if (connection.inTransaction()) {
    throw new LitelatchError(
      "LITELATCH_BUSY",
      `Cannot checkpoint "${path}" inside a transaction: call it after ` +
        "read() and write()",
    );
  }
  const walBytesBefore = walBytes(path);
  const result = (
    reason: string | null,
    log: number,
    checkpointed: number,
    blockedBy: Holder[] | null,
  ): CheckpointResult => ({
    walBytesBefore,
    walBytesAfter: walBytes(path),
    log,
    checkpointed,
    blocked: reason !== null,
    blockedBy,
    reason,
  });
  if (forbidden !== null) return result(forbidden, -1, -1, []);
  look();
  const all = Math.max(passive(connection).log, 0);
  let last: Progress | undefined;
  let suspects: MarkHolder[] | null | undefined;
  for (const patience of ATTEMPTS_MS) {
    look();
    last = truncate(connection, patience);
    if (last.done) return result(null, all, all, []);
    suspects = lastingHolders(path, suspects);
  }
  for (let looks = 0; looks < LOOKS; looks++) {
    sleepSync(PAUSE_MS);
    suspects = lastingHolders(path, suspects);
  }
  const { log, checkpointed } = last as Progress;
  const pids = suspects && [...new Set(suspects.map(({ pid }) => pid))];
  const blockedBy = pids?.map((pid) => holderOf(path, pid)) ?? null;
  return result(whyNot(last as Progress), log, checkpointed, blockedBy);
}

function whyNot(progress: Progress): string {
  if (progress.ownRead) {
    return "a loop over rows of this very connection is under way";
  }
  if (progress.log === -1) return "another checkpoint is under way";
  return isPinned(progress)
    ? "a reader keeps an old snapshot"
    : "a transaction is open; all that is committed is in the database";
}
