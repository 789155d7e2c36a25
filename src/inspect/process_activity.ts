/**
 * What the main thread of another process does at this moment.
 *
 * @module
 */

import { readProc, showsOthers } from "../os/procfs.ts";

/** What a process does. */
export interface Activity {
  /** It runs, naps as who asks again and again does, or waits for something. */
  state: "runs" | "naps" | "waits";
  /** How often it has slept since it began. */
  sleeps: number;
}

// SQLite's busy handler and Bun.sleepSync() sleep by the one, Atomics.wait() by
// the other. An event loop waits in neither (epoll).
const NAP = /nanosleep|futex/;

/** What a process does; `null` if that is not shown. */
export function activityOf(pid: number): Activity | null {
  const before = readOf(pid, "status");
  const where = readOf(pid, "wchan");
  const after = readOf(pid, "status");
  const sleeps = Number(
    /^voluntary_ctxt_switches:\s*(\d+)/m.exec(after ?? "")?.[1] ?? Number.NaN,
  );
  if (where === null || Number.isNaN(sleeps)) return null;
  // Only who slept before and after was where we saw it; and who waits inside
  // the kernel for its turn to lock a file is about to do so.
  const isAsleep = [before, after].every((status) =>
    /^State:\s*S/m.test(status ?? "")
  );
  if (!isAsleep || where.includes("rwsem")) return { state: "runs", sleeps };
  // Some kernels do not tell.
  if (where === "0" || where === "") return null;
  return { state: NAP.test(where) ? "naps" : "waits", sleeps };
}

function readOf(pid: number, name: string): string | null {
  return showsOthers() ? readProc(`${pid}/${name}`) : null;
}
