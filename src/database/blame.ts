/**
 * Who keeps a connection waiting, in words.
 *
 * @module
 */

import { writersOf } from "../busy.ts";
import { BusyError } from "../errors.ts";
import { nameOf } from "../lock/evidence.ts";
import { self } from "../os/process.ts";

/**
 * The error of a wait that was too long.
 *
 * @param what What could not be done, such as `write to`.
 */
export function busyError(
  what: string,
  path: string,
  waitedMs: number,
  cause: unknown,
): BusyError {
  const writers = writersOf(path);
  return new BusyError(
    `Cannot ${what} "${path}": ${
      blame(path, writers)
    } This is PID ${self().pid}; it waited ${Math.round(waitedMs)} ms, and ` +
      "nothing was written. Make long transactions shorter, or raise " +
      "busyTimeout.",
    waitedMs,
    writers,
    { cause },
  );
}

function blame(path: string, writers: number[]): string {
  if (writers.length === 0) {
    return "another connection has locked it, and which one cannot be told.";
  }
  const names = writers.map((pid) =>
    pid === self().pid
      ? `PID ${pid}, which is this process, by another connection`
      : nameOf(path, pid)
  );
  return `the write lock is held by ${names.join(" and ")}.`;
}
