/**
 * Writes that need a lease: they ask whether it stands before they begin and
 * before they commit.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { LockLostError } from "../errors.ts";
import type { Attachment, LeasedDatabase, LockMode } from "../options.ts";

/** What says of a lease whether it stands; a {@linkcode Lease} does. */
export interface Standing {
  /** What it is called in messages. */
  readonly path: string;
  /** Who else may hold it. */
  readonly mode: LockMode;
  /** Whether it stands at this moment. */
  readonly held: boolean;
  /** A number that only grows from one exclusive holder to the next. */
  readonly fence: number | bigint;
  /** Aborted when it is lost, with an error as the reason that says why. */
  readonly lost?: AbortSignal;
}

/** Refuses each write while the lease does not stand. */
export function standing(
  lease: Standing,
  { path: database }: LeasedDatabase,
): Attachment {
  const require = (): void => {
    const { held, lost, path } = lease;
    if (held) return;
    const reason = lost?.aborted
      ? messageOf(lost.reason)
      : `The lease "${path}" was released or lost. Acquire it again.`;
    throw new LockLostError(
      `Cannot write to "${database}", and nothing was written: its lease ` +
        `does not stand any more. ${reason}`,
    );
  };
  return { beforeWrite: require, beforeCommit: require };
}
