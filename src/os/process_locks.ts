/**
 * Which locks one process has on one file.
 *
 * `/proc/locks` is no proof that a lock is gone: it is read in pages of 4 KiB,
 * and while others take and release locks, lines are skipped between two pages
 * (6 of 3000 reads missed a lock that was held, up to four in a row). What
 * `/proc/<pid>/fdinfo` says of one descriptor is whole. A lock belongs to the
 * process, but is listed at the descriptor that took it alone (fs/locks.c,
 * `__show_fd_locks`), and SQLite takes one lock for all connections to a file.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import type { FileIdentity } from "./look.ts";
import { covers, type KernelLock, locksOfDescriptor } from "./kernel_locks.ts";
import { mayLookAround } from "./permissions.ts";
import { self } from "./process.ts";

/**
 * The locks of a process on a file; none if it does not have it open, `null`
 * where the kernel does not tell, be it of one descriptor alone.
 */
export function locksOfProcess(
  pid: number,
  file: FileIdentity,
): KernelLock[] | null {
  const found: KernelLock[] = [];
  for (const locks of locksByDescriptor(pid, file)) {
    if (locks === null) return null;
    found.push(...locks);
  }
  return found;
}

/**
 * Whether this process has a lock on `byte` of the file; `null` where the
 * kernel does not tell. Descriptors behind the one that has it are not looked
 * at: to look at 10 000 took 28 to 84 ms, and to list them takes 6 to 30.
 */
export function hasOwnLock(file: FileIdentity, byte: number): boolean | null {
  let isWhole = true;
  for (const locks of locksByDescriptor(self().pid, file)) {
    if (locks === null) isWhole = false;
    else if (locks.some((lock) => covers(lock, byte))) return true;
  }
  return isWhole ? false : null;
}

/** What each descriptor of a file lists; `null` where one is not shown. */
function* locksByDescriptor(
  pid: number,
  file: FileIdentity,
): Generator<KernelLock[] | null> {
  if (process.platform !== "linux" || !mayLookAround()) return yield null;
  const folder = `/proc/${pid}/fd`;
  let names: string[];
  try {
    names = fileSystem().readdirSync(folder);
  } catch {
    return yield null;
  }
  for (const name of names) {
    const open = identify(`${folder}/${name}`);
    if (open === null) yield null;
    else if (open?.ino === file.ino && open.dev === file.dev) {
      yield locksOfDescriptor(pid, name);
    }
  }
}

/**
 * What a descriptor leads to, whatever its link says: a file may have been
 * renamed or deleted, or have several names. `undefined` if it was closed
 * meanwhile, `null` where that is not shown.
 */
function identify(link: string): FileIdentity | null | undefined {
  try {
    return fileSystem()
      .statSync(link, { bigint: true, throwIfNoEntry: false });
  } catch {
    return null;
  }
}
