/**
 * Who keeps the WAL from being reset.
 *
 * @module
 */

import { facts } from "../os/look.ts";
import { kernelLocks, listsEverybody } from "../os/kernel_locks.ts";

/** A process that holds a read mark of the WAL. */
export interface MarkHolder {
  pid: number;
  /** Which of the five marks. */
  mark: number;
}

// WAL_READ_LOCK(0), https://sqlite.org/walformat.html#wal_locks. A reader on
// mark 0 reads the database file alone, so no checkpoint may write to it: with
// one that never ends, 9123 frames were left where none was moved.
const FIRST_MARK = 123;
const MARKS = [0, 1, 2, 3, 4];

/**
 * Who holds a read mark now; `null` where the kernel does not tell. Whom it
 * does not list may still be there: "nobody" was said of a reader outside of
 * our container.
 */
export function markHolders(path: string): MarkHolder[] | null {
  const shared = facts(`${path}-shm`);
  if (shared === null) return [];
  const locks = kernelLocks(shared);
  if (locks === null) return null;
  const holders = MARKS.flatMap((mark) => {
    const byte = FIRST_MARK + mark;
    return locks
      // A checkpoint or a writer holds marks for writing, for microseconds.
      .filter((lock) => !lock.write && lock.first <= byte && byte <= lock.last)
      .map((lock) => ({ pid: lock.pid, mark }));
  });
  return holders.length > 0 || listsEverybody() ? holders : null;
}
