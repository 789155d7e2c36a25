/**
 * The PID of ours at a legacy path: how it is written, read and taken away.
 *
 * @module
 */

import { publish, type Rights, rightsFor } from "../os/files.ts";
import { exchange, takeAway } from "../os/foreign_locks.ts";
import { randomId } from "../os/ids.ts";
import { partsOf } from "../os/paths.ts";
import { openPaths } from "../os/procfs.ts";
import { type OldLock, readOldLock } from "./old_lock.ts";

/** Puts one where nothing is; `false` if something came meanwhile. */
export function putPid(path: string, pid: number, target: string): boolean {
  return publish(path, draftOf(path), textOf(pid), rightsOf(target));
}

/** Puts one in the place of what is there. */
export function exchangePid(
  path: string,
  pid: number,
  target: string,
): boolean {
  return exchange(path, draftOf(path), textOf(pid), rightsOf(target));
}

/** The PID in a file such as ours are. */
export function pidAt(path: string): number | null {
  const found = readOldLock(path);
  const claim = found?.kind === "file" ? found.claim : null;
  return claim?.isBare ? claim.pid : null;
}

/**
 * Whether a process is seen to hold a lock: one that has the same legacy path for
 * another database is kept out, as it would be by an old version. Both would take
 * the file away from each other, and an old version came in between.
 */
export function holdsLocks(pid: number): boolean {
  return openPaths(pid)?.some((path) => path.endsWith(".lock")) === true;
}

/** Takes away what was seen, unless it is another by now. */
export function clear(path: string, found: OldLock | null): "changed" {
  if (found !== null && found.kind !== "foreign") {
    const text = found.kind === "file" ? found.text : null;
    takeAway(path, found.stat, text, draftOf(path));
  }
  return "changed";
}

/** Old versions read a PID; to us the empty line says that it is of ours. */
function textOf(pid: number): string {
  return `${pid}\n\n`;
}

/**
 * As our records have them: under umask 077 the other users of a database could
 * not read whose PID it is, and were shut out.
 */
function rightsOf(target: string): Rights | null {
  return rightsFor({ path: target, ...partsOf(target) });
}

function draftOf(path: string): string {
  return `${path}-${randomId()}.tmp`;
}
