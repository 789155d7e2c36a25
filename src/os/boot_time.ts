/**
 * When this system and its processes were started, by the clock that files are
 * dated by. The core never imports this: clocks are set, and decide nothing
 * there.
 */

import { isGranted } from "./builtin.ts";
import { processStat, readProc } from "./procfs.ts";

// USER_HZ, in which /proc counts on every architecture that runtimes exist for.
const TICKS_PER_SECOND = 100;
const TOLERANCE_MS = 2000;

/**
 * When the system was started, in milliseconds since 1970; rather too early
 * than too late. `null` where that cannot be known.
 */
export function bootTimeMs(): number | null {
  if (process.platform !== "linux") {
    if (!isGranted({ name: "sys" })) return null;
    const { uptime } = process.getBuiltinModule("node:os");
    return Date.now() - uptime() * 1000;
  }
  const seconds = /^btime (\d+)$/m.exec(readProc("stat") ?? "")?.[1];
  if (seconds === undefined) return null;
  // A container may be told when it was started itself (lxcfs), while processes
  // count from the start of the machine. And where the clock was set forward
  // since, everybody seems to have begun later.
  const own = processStat(process.pid)?.startToken;
  const boot = Number(seconds) * 1000;
  if (own === undefined) return null;
  return boot + ticksToMs(own) > performance.timeOrigin + TOLERANCE_MS
    ? null
    : boot;
}

/** When a process was started, by the field of `/proc/<pid>/stat`. */
export function startedAtMs(startToken: string): number | null {
  const boot = bootTimeMs();
  return boot === null ? null : boot + ticksToMs(startToken);
}

function ticksToMs(ticks: string): number {
  return Number(ticks) / TICKS_PER_SECOND * 1000;
}
