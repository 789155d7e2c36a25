/**
 * The words for what goes wrong behind an open database.
 *
 * @module
 */

import { LockLostError } from "../errors.ts";
import type { Loss } from "../loss.ts";
import { paths } from "../os/builtin.ts";
import { self } from "../os/process.ts";

/** What was lost, what most likely did it, and what to do. */
export function lossText(
  path: string,
  loss: Loss,
  mayBeLost: boolean,
): string {
  const name = paths().basename(path);
  if (loss === "sidecar") {
    return `Cannot write to "${path}": ${name}.lock was deleted or replaced ` +
      "while it was held, so another process may hold a lock that excludes " +
      `this one. This is PID ${self().pid}. Close every handle of this ` +
      "process on it and open the database again. Do not delete " +
      `${name}.lock.`;
  }
  return `Cannot write to "${path}": its ${name}-wal was deleted or replaced ` +
    `while this process, PID ${self().pid}, had it open. Most likely ` +
    "something in this process opened and closed the database file " +
    "(fs.readFile, fs.copyFile, a second SQLite library), which drops the " +
    "process's locks on it; then the last of the others closed it. " +
    (mayBeLost
      ? "The commits of the moments before this one may be lost. "
      : "Nothing that was acknowledged is lost. ") +
    "Call reopen(), or close this handle and open the database again; copy a " +
    "live database with backup().";
}

/** The file itself is another one now, or none, and so is its WAL. */
export function awayText(path: string): string {
  return `Cannot use "${path}": the file was deleted, or another one ` +
    `was put in its place, while this process, PID ${self().pid}, had it ` +
    "open. What this handle wrote since then is in the old file. Call " +
    "reopen(), or close this handle and open the database again.";
}

/** Locks that are gone could not be taken anew. */
export function mendFailed(path: string, error: unknown): string {
  const why = error === null
    ? "a connection to it that is not litelatch's is in the way"
    : error instanceof Error
    ? error.message
    : String(error);
  return `Cannot write to "${path}": something in this process, PID ` +
    `${self().pid}, opened and closed the database file and so dropped the ` +
    `process's locks on it, and they could not be taken anew: ${why}. Close ` +
    "every other connection of this process to it and call reopen(), or " +
    "start the process again.";
}

/** A lost connection that could not be closed is in the way of a new one. */
export function abandoned(path: string): LockLostError {
  return new LockLostError(
    `Cannot open "${path}" anew in this process, PID ${self().pid}: it lost ` +
      "its locks on it, others have written there since, and closing the old " +
      "connection could damage what they wrote. Start the process again.",
  );
}

/** A reader keeps the WAL from being reset. `names` is null if unknown. */
export function pinnedText(
  path: string,
  walBytes: number,
  names: string[] | null,
): string {
  const size = `${(walBytes / 1024 / 1024).toFixed(1)} MiB`;
  const who = names === null
    ? "a process that has it open is reading one old snapshot, and which one " +
      "cannot be told from here"
    : names.length === 0
    ? "readers follow each other without a gap"
    : `${names.join(" and ")} has been reading one old snapshot`;
  return `The WAL of "${path}" is at ${size} and cannot be cut back: ${who}. ` +
    "End that read transaction (a forgotten iterate() or BEGIN), or that " +
    "process; until then the file grows with every write.";
}
