/**
 * Whether the process that an old lock names is the one that took it, and is
 * still alive.
 *
 * @module
 */

import { bootTimeMs, startedAtMs } from "../os/boot_time.ts";
import { crossesHosts, filesystemOf } from "../os/filesystem.ts";
import { hostName } from "../os/host.ts";
import { partsOf } from "../os/paths.ts";
import { answers, startTokenOf } from "../os/process.ts";
import type { FileStat } from "../os/stat.ts";
import type { Claim } from "./old_lock.ts";

/** `"unknown"` counts as alive: only what is proved keeps nobody out. */
export type Fate = "alive" | "gone" | "unknown";

// Clocks tick in steps, and are corrected by some of them.
const TOLERANCE_MS = 2000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What has become of who took an old lock. */
export function fateOf(claim: Claim, file: FileStat): Fate {
  const { pid } = claim;
  // kill(2): 0 and negative numbers are groups, larger ones no PID at all. Such
  // a number kept everybody out for ever.
  if (!Number.isInteger(pid) || pid <= 0 || pid > 0x7fffffff) return "gone";
  const isHere = isThisHost(claim.host);
  if (isHere === null) return "unknown";
  // Its process cannot be asked from here. A day is longer than most run that
  // take such a lock, and nobody has to wait for ever.
  if (!isHere) return Math.abs(ageOf(file)) > DAY_MS ? "gone" : "unknown";
  const token = startTokenOf(pid);
  if (token === false || (token === null && !answers(pid))) return "gone";
  if (isOlderThan(file, token)) return "gone";
  return token === null ? "unknown" : "alive";
}

/** How long ago a file was last changed, in milliseconds. */
export function ageOf({ modifiedMs }: FileStat): number {
  return Date.now() - modifiedMs;
}

/** Whether a record is of this host; `null` if our name is not known. */
export function isThisHost(host: string | null): boolean | null {
  if (host === null) return true;
  const own = hostName();
  if (own === null) return null;
  const [one, other] = [host.toLowerCase(), own.toLowerCase()];
  // With its domain, or without.
  return one === other || one.startsWith(`${other}.`) ||
    other.startsWith(`${one}.`);
}

/**
 * Whether the process began after the file was last changed: then it was given
 * the PID of another one, as after a restart of a machine or a container.
 */
function isOlderThan(file: FileStat, startToken: string | null): boolean {
  // A server dates files by a clock of its own.
  const type = filesystemOf(partsOf(file.path ?? "").folder);
  if (type?.startsWith("fuse") || crossesHosts(type ?? "")) return false;
  const began = startToken === null ? bootTimeMs() : startedAtMs(startToken);
  return began !== null && file.modifiedMs + TOLERANCE_MS < began;
}
