/**
 * What one process has open and locked, descriptor by descriptor: whole, where
 * `/proc/locks` may miss a lock that others change beside. The core never
 * imports this.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import {
  descriptorsOf,
  type KernelLock,
  readProc,
  showsOthers,
} from "./procfs.ts";
import type { FileIdentity } from "./stat.ts";

/**
 * What a descriptor leads to, whatever its link says: a file may have been
 * renamed or deleted. `undefined` if it is closed, `null` if it is not shown.
 */
export function openFile(
  pid: number | "self",
  descriptor: string,
): FileIdentity | null | undefined {
  try {
    return fileSystem().statSync(`/proc/${pid}/fd/${descriptor}`, {
      bigint: true,
      throwIfNoEntry: false,
    });
  } catch {
    return null;
  }
}

/**
 * The locks of one process on a file; `null` where one descriptor is not shown.
 * A lock belongs to the process, but is listed at the descriptor that took it
 * alone (fs/locks.c, `__show_fd_locks`).
 */
export function locksOfProcess(
  pid: number,
  file: FileIdentity,
): KernelLock[] | null {
  const descriptors = showsOthers() ? descriptorsOf(pid) : null;
  if (descriptors === null) return null;
  const found: KernelLock[] = [];
  for (const descriptor of descriptors) {
    const open = openFile(pid, descriptor);
    if (open === null) return null;
    if (open?.ino !== file.ino || open.dev !== file.dev) continue;
    // With every descriptor taken it cannot be opened, and a lock that is held
    // was said to be lost.
    const text = readProc(`${pid}/fdinfo/${descriptor}`);
    if (text !== null) found.push(...parse(text, pid));
    else if (openFile(pid, descriptor) !== undefined) return null;
  }
  return found;
}

const LOCK = /^lock:\s+\d+: POSIX .* (READ|WRITE) .* (\d+) (\d+|EOF)$/gm;

/** In another PID namespace the process has another number in these lines. */
function parse(text: string, pid: number): KernelLock[] {
  return [...text.matchAll(LOCK)].map(([, access, first, last]) => ({
    pid,
    write: access === "WRITE",
    first: Number(first),
    last: last === "EOF" ? Infinity : Number(last),
  }));
}
