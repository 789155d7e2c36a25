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
import { type KernelLock, locksOfDescriptor } from "./kernel_locks.ts";
import { mayLookAround } from "./permissions.ts";
import { self } from "./process.ts";

/**
 * The locks of a process on a file; none if it does not have it open, `null`
 * where the kernel does not tell.
 */
export function locksOfProcess(
  pid: number,
  file: FileIdentity,
): KernelLock[] | null {
  if (process.platform !== "linux" || !mayLookAround()) return null;
  const fs = fileSystem();
  const folder = `/proc/${pid}/fd`;
  const found: KernelLock[] = [];
  try {
    for (const name of fs.readdirSync(folder)) {
      // A descriptor may be closed meanwhile.
      const open = fs.statSync(`${folder}/${name}`, {
        bigint: true,
        throwIfNoEntry: false,
      });
      if (open?.ino !== file.ino || open.dev !== file.dev) continue;
      found.push(...locksOfDescriptor(pid, name) ?? []);
    }
    return found;
  } catch {
    return null;
  }
}

/**
 * Whether this process has a lock on `byte` of the file; `null` where the
 * kernel does not tell.
 */
export function hasOwnLock(file: FileIdentity, byte: number): boolean | null {
  const locks = locksOfProcess(self().pid, file);
  return locks?.some((lock) => lock.first <= byte && byte <= lock.last) ?? null;
}
