/** Who keeps the WAL from being reset. */

import { WAL_READ, WAL_WRITE } from "../os/lock_bytes.ts";
import { listsEverybody, locksOn, pidsAt } from "../os/procfs.ts";
import { stat } from "../os/stat.ts";

/**
 * Begins a series of looks, each for the PIDs that held one read mark in every
 * one so far. They tell `null` where the kernel does not. Whom it does not list
 * may still be there: "nobody" was said of a reader outside of our container.
 *
 * @param writersToo A writer in a transaction holds a mark as well, and keeps
 * nothing back: it was named as a reader.
 */
export function lookout(
  path: string,
  writersToo: boolean,
): () => number[] | null {
  let held: string[] | undefined;
  return () => {
    const locks = locksOn(stat(`${path}-shm`));
    if (locks === null) return null;
    const writers = writersToo ? [] : pidsAt(locks, WAL_WRITE, true);
    // A checkpoint or a writer holds marks for writing, for microseconds.
    const reading = locks
      .filter(({ pid, write }) => !write && !writers.includes(pid));
    // Such as `4242 1`: who holds which of the five read marks.
    const now = [0, 1, 2, 3, 4].flatMap((mark) =>
      pidsAt(reading, WAL_READ + mark).map((pid) => `${pid} ${mark}`)
    );
    held = held?.filter((mark) => now.includes(mark)) ?? now;
    const isWhole = held.length > 0 || listsEverybody();
    return isWhole ? [...new Set(held.map((mark) => parseInt(mark)))] : null;
  };
}
