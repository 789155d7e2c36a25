/** Who keeps a connection waiting, in words. */

import { BusyError, LitelatchError } from "../errors.ts";
import { nameOf } from "../lock/holders.ts";
import { attempt } from "../os/builtin.ts";
import { RESERVED, SHARED, WAL_RECOVER, WAL_WRITE } from "../os/lock_bytes.ts";
import { self } from "../os/process.ts";
import { locksOnEach, pidsAt } from "../os/procfs.ts";
import { handlesOn } from "../os/shared_state.ts";
import { stat } from "../os/stat.ts";

/**
 * PIDs that hold the write lock, which an exclusive lock and a recovery are too,
 * or any lock at all; empty where nobody does or the kernel does not tell.
 */
export function writersOf(path: string, writes = true): number[] {
  const files = [path, `${path}-shm`]
    .map((file) => attempt(() => stat(file), null));
  const locks = locksOnEach(files)?.flat() ?? [];
  // No byte of the one file is any of the other.
  const pids = writes
    ? [WAL_WRITE, WAL_RECOVER, RESERVED, SHARED]
      .flatMap((byte) => pidsAt(locks, byte, true))
    : locks.map(({ pid }) => pid)
      .filter((pid) => pid !== self().pid || locks.length === 1);
  return [...new Set(pids)];
}

/**
 * The error of a wait that was too long.
 *
 * @param what What could not be done, such as `write to`.
 * @param places It, and what is attached to it, in the order to look at.
 * @param writes Else any lock was in the way, as at the switch to WAL.
 */
export function busyError(
  what: string,
  path: string,
  waitedMs: number,
  cause: unknown,
  places: readonly string[] = [path],
  writes = true,
): BusyError {
  const lock = writes ? "the write lock" : "a lock";
  const locked = places.map((path) => ({ path, pids: writersOf(path, writes) }))
    .find(({ pids }) => pids.length > 0);
  const whose = locked?.path === path
    ? ""
    : ` of the attached "${locked?.path}"`;
  const names = locked?.pids
    .map((pid) => nameOf(locked.path, pid, ", by another connection"));
  const who = names
    ? `${lock}${whose} is held by ${names.join(" and ")}.`
    : cause === null
    ? "earlier calls came first."
    : "another connection has locked it; which one cannot be told.";
  // A body that awaits this very write looks like any other that takes long.
  const place = ownWriter(path);
  const advice = place
    ? `In the writeAsync() called ${place} use its own handle.`
    : "Make long transactions shorter, or raise busyTimeout.";
  return new BusyError(
    `Cannot ${what} "${path}": ${who} This is PID ${self().pid}; it waited ` +
      `${Math.round(waitedMs)} ms, and nothing was written. ${advice}`,
    waitedMs,
    locked?.pids ?? [],
    { cause },
  );
}

/**
 * Where a write of this very thread was begun that has not ended: whoever waits
 * for it without letting it go on would wait for ever. `null` if there is none.
 */
export function ownWriter(path: string): string | null {
  return handlesOn(path).map((one) => one.writingAt())
    .find((place) => place !== null) ?? null;
}

/** Who called what made it; the program may have its stack in another form. */
export function placeOf(made: Error | null): string {
  return made ? String(made.stack).split("\n")[2]?.trim() ?? "somewhere" : "";
}

/** The error of what cannot be done at this place. */
export function refused(message: string, cause?: unknown): LitelatchError {
  return new LitelatchError("LITELATCH_BUSY", message, { cause });
}

/** The error of a write that would wait for one of its own thread. */
export function selfBlocked(
  path: string,
  place: string,
  cause: unknown,
): BusyError {
  const who = place === ""
    ? "another handle of this thread is inside write() on it"
    : "the async body of a writeAsync() of this thread has not settled, which " +
      `was called ${place}`;
  return new BusyError(
    `Cannot write to "${path}" here: ${who}, and this one cannot wait for that ` +
      "to end. Inside of it use the handle that it was given, whose write() can " +
      "be nested; elsewhere use writeAsync().",
    0,
    [self().pid],
    { cause },
  );
}

/** The error of a snapshot that others have outrun. */
export function staleError(
  path: string,
  isCertain: boolean,
  cause: unknown,
): BusyError {
  return new BusyError(
    `Cannot write to "${path}" here: another connection has ${
      isCertain ? "" : "probably "
    }committed since this transaction, or the loop over rows that is under ` +
      "way (iterate), began to read. Waiting cannot help; begin with write() " +
      "instead of read() or BEGIN, and take all() rows before you write.",
    0,
    [],
    { cause },
  );
}
