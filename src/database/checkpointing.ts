/**
 * A checkpoint that somebody asked for.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import { holderOf } from "../lock/evidence.ts";
import type { Holder } from "../options.ts";
import {
  ATTEMPTS_MS,
  passive,
  type Progress,
  truncate,
  walBytes,
} from "../wal/checkpoint.ts";
import { lastingHolders, type MarkHolder } from "../wal/readers.ts";
import { sleepSync } from "../os/waiting.ts";
import { hasWalResetBug } from "../sqlite_version.ts";
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

/**
 * Empties the WAL, in the short attempts of the keeper.
 *
 * @param rules Why there may be none here, in words.
 */
export function checkpoint(
  session: Session,
  rules: { noCheckpoint: string | null } | null,
): CheckpointResult {
  session.require();
  const { connection, path, busyTimeout } = session;
  if (connection.inTransaction()) {
    throw new LitelatchError(
      "LITELATCH_BUSY",
      `Cannot checkpoint "${path}" inside a transaction: call it after ` +
        "read() and write()",
    );
  }
  const walBytesBefore = walBytes(path);
  let suspects: MarkHolder[] | null | undefined;
  const blocked = (reason: string | null, log: number, checkpointed: number) =>
    ({
      walBytesBefore,
      walBytesAfter: walBytes(path),
      log,
      checkpointed,
      blocked: reason !== null,
      blockedBy: reason === null ? [] : readers(path, suspects ?? null),
      reason,
    }) satisfies CheckpointResult;
  const forbidden = rules?.noCheckpoint ?? null;
  if (forbidden !== null) {
    return { ...blocked(forbidden, -1, -1), blockedBy: [] };
  }
  const first = passive(connection);
  let last = first;
  for (const patience of ATTEMPTS_MS) {
    last = truncate(connection, patience, busyTimeout);
    const all = Math.max(first.log, 0);
    if (last.done) return blocked(null, all, all);
    suspects = lastingHolders(path, suspects);
  }
  // Other writers hold a mark for moments only.
  for (let looks = 0; looks < LOOKS; looks++) {
    sleepSync(PAUSE_MS);
    suspects = lastingHolders(path, suspects);
  }
  return blocked(whyNot(last), last.log, last.checkpointed);
}

function whyNot({ log, checkpointed, ownRead }: Progress): string {
  if (ownRead) return "a loop over rows of this very connection is under way";
  if (log === -1) return "another checkpoint is under way";
  return log === checkpointed
    ? "a transaction is open; all that is committed is in the database"
    : "a reader keeps an old snapshot";
}

// A writer at full speed reads half of the time.
const LOOKS = 10;
const PAUSE_MS = 2;

function readers(path: string, suspects: MarkHolder[] | null): Holder[] | null {
  if (suspects === null) return null;
  return [...new Set(suspects.map(({ pid }) => pid))]
    .map((pid) => holderOf(path, pid));
}

/** Why there must be no checkpoint of ours; `null` if there may be. */
export function whyNoCheckpoint(
  version: string,
  readOnly: boolean,
): string | null {
  if (hasWalResetBug(version)) {
    return `SQLite ${version} has the WAL-reset bug, which checkpoints beside ` +
      "writers trigger; update the runtime";
  }
  return readOnly ? "this handle was opened with readOnly" : null;
}
