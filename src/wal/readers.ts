/**
 * Who keeps the WAL from being reset.
 *
 * @module
 */

import { WAL_READ, WAL_WRITE } from "../os/lock_bytes.ts";
import {
  covers,
  type KernelLock,
  listsEverybody,
  locksOfProcess,
  locksOn,
  pidsAt,
} from "../os/procfs.ts";
import { stat } from "../os/stat.ts";

/** `"4242 1"`: a process, and which of the five read marks it holds. */
export type MarkHolder = string;

/**
 * Who holds a read mark now, and held the same one in the look before, if there
 * was one. `null` where the kernel does not tell; whom it does not list may
 * still be there: "nobody" was said of a reader outside of our container.
 *
 * @param writersToo A writer in a transaction holds a mark as well, and keeps
 * nothing back: it was named as a reader.
 */
export function markHolders(
  path: string,
  writersToo: boolean,
  before?: MarkHolder[] | null,
): MarkHolder[] | null {
  const shared = stat(`${path}-shm`);
  if (shared === null) return [];
  const locks = locksOn(shared);
  if (locks === null || before === null) return null;
  const now = holdersIn(locks, writersToo);
  // What one process says of one file is whole, while the list of all locks may
  // leave one out: a checkpoint told of a reader, and named nobody.
  const own = (one: MarkHolder) =>
    holdersIn(locksOfProcess(parseInt(one), shared) ?? [], writersToo);
  const isStill = (one: MarkHolder) =>
    now.includes(one) || own(one).includes(one);
  const found = before?.filter(isStill) ?? now;
  return found.length > 0 || listsEverybody() ? found : null;
}

/** The processes behind the marks, each of them once. */
export function pidsOf(holders: MarkHolder[] | null): number[] | null {
  return holders && [...new Set(holders.map((one) => parseInt(one)))];
}

// A checkpoint or a writer holds marks for writing, for microseconds.
function holdersIn(locks: KernelLock[], writersToo: boolean): MarkHolder[] {
  const writers = writersToo ? [] : pidsAt(locks, WAL_WRITE, true);
  return [0, 1, 2, 3, 4].flatMap((mark) =>
    locks
      .filter((lock) => !lock.write && covers(lock, WAL_READ + mark))
      .filter(({ pid }) => !writers.includes(pid))
      .map(({ pid }) => `${pid} ${mark}`)
  );
}
