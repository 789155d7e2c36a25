/**
 * What one process has open and locked, descriptor by descriptor. The core
 * never imports this.
 */

import {
  descriptorsOf,
  type KernelLock,
  locksAt,
  showsOthers,
} from "./procfs.ts";
import { type FileIdentity, stat } from "./stat.ts";

/**
 * What a descriptor leads to, whatever its link says: a file may have been
 * renamed or deleted. `undefined` if it is closed, `null` if it is not shown.
 */
export function openFile(
  pid: number | "self",
  descriptor: string,
): FileIdentity | null | undefined {
  try {
    return stat(`/proc/${pid}/fd/${descriptor}`) ?? undefined;
  } catch {
    return null;
  }
}

/**
 * The locks of one process on a file; `null` where one descriptor is not shown.
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
    if (open?.identity !== file.identity) continue;
    // With every descriptor taken it cannot be opened, and a lock that is held
    // was said to be lost.
    const locks = locksAt(pid, descriptor);
    if (locks !== null) found.push(...locks);
    else if (openFile(pid, descriptor) !== undefined) return null;
  }
  return found;
}
