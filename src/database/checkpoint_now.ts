/** A checkpoint that somebody asked for. */

import { holderOf } from "../lock/holders.ts";
import type { Holder } from "../options.ts";
import { sleepSync } from "../os/clock.ts";
import {
  ATTEMPTS_MS,
  checkpoint,
  empty,
  versionOf,
  walBytes,
  whyNoCheckpoints,
} from "../wal/checkpoint.ts";
import { lookout } from "../wal/readers.ts";
import { refused } from "./busy_error.ts";
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
  /** Who was seen in the way; `null` where that cannot be told. */
  blockedBy: Holder[] | null;
  /** Why it was blocked, in words; `null` if it was not. */
  reason: string | null;
}

// For whoever waits to write.
const BETWEEN_MS = 2;

/**
 * Empties the WAL in the attempts of the upkeep, one after the other.
 *
 * @param look Called right before each attempt; throws if the WAL is lost. It
 * may open the connection anew.
 */
export function checkpointNow(
  session: Session,
  look: () => void,
): CheckpointResult {
  session.require();
  const { path, settings } = session;
  if (session.connection.inTransaction()) {
    throw refused(
      `Cannot checkpoint "${path}" inside a transaction: call it after ` +
        "read() and write()",
    );
  }
  const walBytesBefore = walBytes(path);
  const result = (
    reason: string | null,
    log = -1,
    checkpointed = log,
    pids: number[] | null = [],
  ): CheckpointResult => ({
    walBytesBefore,
    walBytesAfter: walBytes(path),
    log,
    checkpointed,
    blocked: reason !== null,
    blockedBy: pids?.map((pid) => holderOf(path, pid)) ?? null,
    reason,
  });
  look();
  const forbidden = settings.readOnly
    ? "this handle is readOnly"
    : whyNoCheckpoints(versionOf(session.connection));
  if (forbidden !== null) return result(forbidden);
  let seen = checkpoint(session.connection);
  const all = Math.max(seen.log, 0);
  const inTheWay = lookout(path, true);
  let pids: number[] | null = [];
  for (const patience of ATTEMPTS_MS) {
    seen = empty(patience, () => {
      look();
      return session.connection;
    });
    if (seen.done) return result(null, all);
    // Writers hold a mark for moments only, at full speed half of the time.
    pids = inTheWay();
    sleepSync(BETWEEN_MS);
  }
  const why = seen.ownRead
    ? "a loop over rows of this very connection is under way"
    : seen.log === -1
    ? "another checkpoint is under way"
    : seen.checkpointed < seen.log
    ? "a reader keeps an old snapshot"
    : "a transaction is open; all that is committed is in the database";
  return result(why, seen.log, seen.checkpointed, pids);
}
