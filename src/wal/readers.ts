/**
 * Who keeps the WAL from being reset.
 *
 * @module
 */

import { WAL_READ, WAL_WRITE } from "../os/lock_bytes.ts";
import {
  type KernelLock,
  listsEverybody,
  locksOn,
  pidsAt,
} from "../os/procfs.ts";
import { stat } from "../os/stat.ts";

/** A process that holds a read mark of the WAL. */
export interface MarkHolder {
  pid: number;
  /** Which of the five marks. */
  mark: number;
}

const MARKS = [0, 1, 2, 3, 4];

/**
 * Those of `before` that still hold the same mark; everybody now, where there
 * was no look before. `null` where it cannot be told.
 */
export function lastingHolders(
  path: string,
  before: MarkHolder[] | null | undefined,
): MarkHolder[] | null {
  const now = markHolders(path);
  if (before === undefined) return now;
  if (before === null || now === null) return null;
  return before.filter((one) =>
    now.some(({ pid, mark }) => pid === one.pid && mark === one.mark)
  );
}

// A checkpoint or a writer holds marks for writing, for microseconds.
function isOn(mark: number, lock: KernelLock): boolean {
  return !lock.write && pidsAt([lock], WAL_READ + mark).length > 0;
}

/**
 * Who holds a read mark now; `null` where the kernel does not tell. Whom it
 * does not list may still be there: "nobody" was said of a reader outside of
 * our container.
 */
export function markHolders(path: string): MarkHolder[] | null {
  const shared = stat(`${path}-shm`);
  if (shared === null) return [];
  const locks = locksOn(shared);
  if (locks === null) return null;
  // A writer reads too, and keeps nothing back: it was named as a reader.
  const writers = pidsAt(locks, WAL_WRITE, true);
  const holders = MARKS.flatMap((mark) =>
    locks.filter((lock) => isOn(mark, lock) && !writers.includes(lock.pid))
      .map(({ pid }) => ({ pid, mark }))
  );
  return holders.length > 0 || listsEverybody() ? holders : null;
}
