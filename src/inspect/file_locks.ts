/**
 * The kernel's locks on the three files, and who they make a holder.
 *
 * @module
 */

import { attempt } from "../os/builtin.ts";
import { sleepSync } from "../os/clock.ts";
import { RESERVED, SHARED } from "../os/lock_bytes.ts";
import { locksOfProcess } from "../os/process_locks.ts";
import { whyNoProc } from "../os/proc_view.ts";
import {
  type KernelLock,
  locksOn,
  locksOnEach,
  mergeLocks,
  pidsAt,
} from "../os/procfs.ts";
import { type FileIdentity, type FileStat, lstat, stat } from "../os/stat.ts";
import type { OpenedFiles } from "./opened_files.ts";

/** Why nobody on the list does not mean that there is nobody. */
export const OTHERS_HIDDEN =
  "the kernel shows no locks of other PID namespaces";

/** The locks on each file; none where there is no such file. */
export interface FileLocks {
  database: KernelLock[];
  shm: KernelLock[];
  lock: KernelLock[];
}

/** Why there are no {@linkcode FileLocks}. */
export function whyNoLocks(): string {
  return whyNoProc() ?? "/proc/locks cannot be read here";
}

/**
 * Reads the locks on the files of a database; `null` where not shown.
 *
 * @param opened Who has which file open. There the kernel tells the locks
 * descriptor by descriptor, and not in a list that changes while it is read.
 */
export function readLocks(
  path: string,
  { files: opened }: OpenedFiles,
): FileLocks | null {
  const files = [statOf(path), statOf(`${path}-shm`), lockFileOf(path)];
  // For those that may not be looked into.
  const listed = locksOnEach(files);
  if (listed === null) return null;
  const [database = [], shm = [], lock = []] = files.map((file, i) => {
    if (file === null) return [];
    const asked = opened
      .filter((one) => one.path === file.path && !one.deleted)
      .map(({ pid }) => pid);
    const told = new Map<number, KernelLock[]>();
    for (const pid of new Set(asked)) {
      const locks = locksOfProcess(pid, file);
      if (locks !== null) told.set(pid, locks);
    }
    const others = (listed[i] ?? []).filter(({ pid }) => !told.has(pid));
    // One was asked after the other, and a lock goes from hand to hand.
    return [...told.values()].reduce(mergeLocks, others);
  });
  const lockFile = files[2] ?? null;
  return {
    database,
    shm,
    lock: lockFile === null ? [] : lastingLocks(lock, lockFile),
  };
}

const MORE_LOOKS = 2;
const BETWEEN_LOOKS_MS = 2;

/**
 * Without those who read only for a moment, as everybody does who begins to ask
 * for the exclusive lock: they were said to hold it.
 */
function lastingLocks(locks: KernelLock[], file: FileIdentity): KernelLock[] {
  let suspects = holdersOf(locks).shared;
  const passing: number[] = [];
  for (let look = 0; look < MORE_LOOKS && suspects.length > 0; look++) {
    sleepSync(BETWEEN_LOOKS_MS);
    const listed = locksOn(file) ?? locks;
    const holders = suspects.filter((pid) => {
      const now = holdersOf(locksOfProcess(pid, file) ?? listed);
      return now.shared.includes(pid) || now.exclusive.includes(pid);
    });
    passing.push(...suspects.filter((pid) => !holders.includes(pid)));
    suspects = holders;
  }
  return locks.filter(({ pid }) => !passing.includes(pid));
}

/** What is at a path; `null` also where it may not be looked at. */
export function statOf(path: string): FileStat | null {
  return attempt(() => stat(path), null);
}

/** The same, without following a link at the end. */
export function lstatOf(path: string): FileStat | null {
  return attempt(() => lstat(path), null);
}

/** The lock file; `null` for whatever else was planted there. */
export function lockFileOf(path: string): FileStat | null {
  const found = lstatOf(`${path}.lock`);
  return found?.kind === "file" ? found : null;
}

/**
 * Who holds the lock of litelatch. Who has written to RESERVED and only reads
 * SHARED waits for the others to go: it asks, and holds nothing.
 */
export function holdersOf(
  lock: readonly KernelLock[],
): { exclusive: number[]; shared: number[] } {
  const asking = pidsAt(lock, RESERVED, true);
  const exclusive = pidsAt(lock, SHARED, true);
  return {
    exclusive,
    shared: pidsAt(lock, SHARED)
      .filter((pid) => !asking.includes(pid) && !exclusive.includes(pid)),
  };
}

/** Whether one of the locks on `byte` is for writing, or one for reading. */
export function hasLock(
  locks: readonly KernelLock[],
  byte: number,
  write: boolean,
): boolean {
  return locks.some((lock) =>
    lock.write === write && lock.first <= byte && byte <= lock.last
  );
}

/** PIDs of a list of locks, each once. */
export function pidsOf(locks: readonly KernelLock[]): number[] {
  return [...new Set(locks.map(({ pid }) => pid))];
}
