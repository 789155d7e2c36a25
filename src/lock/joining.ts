/**
 * Workers that ask for the exclusive lock which their own process holds.
 *
 * A POSIX lock belongs to the process, but SQLite keeps one connection's lock
 * from another in the same process too. So a worker does not take the lock a
 * second time: it leaves a note, a pidfile with `joins`, and the main thread
 * keeps the lock until every note is gone. Only the main thread's lock can be
 * joined: a worker may be ended at any moment, and its lock with it.
 *
 * @module
 */

import { inWorker, isSelf } from "../os/process.ts";
import type { Ask } from "./claim.ts";
import {
  exclusivePidfile,
  type OwnPidfile,
  publishOwn,
  sharedPidfiles,
  withdraw,
} from "./pidfiles.ts";
import type { HolderRecord } from "./record.ts";

/** Joins the lock that the main thread holds; `null` if there is none. */
export function join(ask: Ask): OwnPidfile | null {
  if (ask.mode !== "exclusive" || !inWorker()) return null;
  const held = ownExclusive(ask);
  if (held === null) return null;
  const note = publishOwn(ask.target, {
    mode: "exclusive",
    app: ask.app,
    purpose: ask.purpose,
    sidecar: held.sidecar,
    joins: held.id,
  });
  // The main thread takes its record away before it looks for notes, and we
  // look for its record after leaving one: one of the two sees the other.
  if (note.path !== null && ownExclusive(ask)?.id === held.id) return note;
  withdraw(note);
  return null;
}

/** Whether a thread of this process still counts on the lock. */
export function isJoined(ask: Ask, own: OwnPidfile): boolean {
  return sharedPidfiles(ask.target).some(({ record }) =>
    record !== null && record.joins === own.record.id && isSelf(record)
  );
}

/** The record of this process's main thread, if it holds the lock. */
function ownExclusive(ask: Ask): HolderRecord | null {
  const record = exclusivePidfile(ask.target)?.record ?? null;
  return record !== null && record.id !== null && record.worker === false &&
      isSelf(record)
    ? record
    : null;
}
