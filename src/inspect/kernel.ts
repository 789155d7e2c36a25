/**
 * The kernel's locks on the three files, and what each byte means
 * (https://sqlite.org/lockingv3.html, https://sqlite.org/walformat.html).
 *
 * @module
 */

import { facts, type FileFacts } from "../os/look.ts";
import {
  covers,
  type KernelLock,
  kernelLocksOf,
  locksOfDescriptor,
  mergeLocks,
} from "../os/kernel_locks.ts";
import type { OpenedFile } from "../os/neighbours.ts";

/** Bytes of the database and of `app.db.lock`. */
export const PENDING_BYTE = 0x40000000;
export const RESERVED_BYTE = 0x40000001;
export const SHARED_BYTE = 0x40000002;

/** Bytes of the `-shm`. */
export const WRITE_BYTE = 120;
export const CHECKPOINT_BYTE = 121;
export const RECOVER_BYTE = 122;
export const READ_BYTE = 123;
export const ATTACHED_BYTE = 128;

/** Why nobody on the list does not mean that there is nobody. */
export const OTHERS_HIDDEN =
  "the kernel shows no locks of other PID namespaces";

/** The locks on each file; none where there is no such file. */
export interface FileLocks {
  database: KernelLock[];
  shm: KernelLock[];
  lock: KernelLock[];
}

/**
 * Reads the locks on the files of a database; `null` where not shown.
 *
 * @param opened Who has which file open, and how many could not be asked.
 * There the kernel tells the locks descriptor by descriptor, and not in a list
 * that changes while it is read.
 */
export function readLocks(
  path: string,
  { files: opened, unseen }: { files: OpenedFile[]; unseen: number },
): FileLocks | null {
  const paths = [path, `${path}-shm`, `${path}.lock`];
  // The list is for those that may not be looked into.
  const reads = unseen === 0 ? 1 : undefined;
  const listed = kernelLocksOf(paths.map(fileFacts), reads);
  if (listed === null) return null;
  const [database = [], shm = [], lock = []] = paths.map((path, i) => {
    const told = new Map<number, KernelLock[]>();
    const untold = new Set<number>();
    for (const file of opened) {
      if (file.path !== path || file.deleted) continue;
      const locks = locksOfDescriptor(file.pid, file.descriptor);
      // A process may have several, and each lists the locks it took itself.
      const before = told.get(file.pid) ?? [];
      if (locks === null) untold.add(file.pid);
      else told.set(file.pid, [...before, ...locks]);
    }
    const others = (listed[i] ?? [])
      .filter(({ pid }) => !told.has(pid) || untold.has(pid));
    // One was asked after the other, and a lock goes from hand to hand.
    return [...told.values()].reduce(mergeLocks, others);
  });
  return { database, shm, lock };
}

/** What is at a path; `null` also where it may not be looked at. */
export function fileFacts(path: string): FileFacts | null {
  try {
    return facts(path);
  } catch {
    return null;
  }
}

/** Whether one of the locks touches a byte. */
export function touches(
  locks: KernelLock[],
  byte: number,
  write: boolean,
): boolean {
  return locks.some((lock) => lock.write === write && covers(lock, byte));
}

/** PIDs of a list of locks, each once. */
export function pidsOf(locks: KernelLock[]): number[] {
  return [...new Set(locks.map((lock) => lock.pid))];
}
