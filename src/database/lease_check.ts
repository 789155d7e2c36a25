/**
 * Writes that need a lease: they ask whether it stands before they begin and
 * before they commit.
 */

import { LockLostError } from "../errors.ts";
import { messageOf } from "../driver/result_codes.ts";
import type { Attachment, LeaseLike } from "../options.ts";
import type { Session } from "./session.ts";

/** Refuses each write while the lease does not stand. */
export function leaseCheck(session: Session, lease: LeaseLike): Attachment {
  const require = (): void => {
    const { held, lost, path } = lease;
    if (held) return;
    const reason = lost?.aborted
      ? messageOf(lost.reason)
      : `The lease "${path}" was released or lost. Acquire it again.`;
    throw new LockLostError(
      `Cannot write to "${session.path}", and nothing was written: its lease ` +
        `does not stand any more. ${reason}`,
    );
  };
  return { beforeWrite: require, beforeCommit: require };
}
