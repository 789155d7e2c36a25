/**
 * How far the readers of the WAL see, and who of them holds it up.
 *
 * @module
 */

import { WAL_READ, WAL_WRITE } from "../os/lock_bytes.ts";
import { listsEverybody, pidsAt } from "../os/procfs.ts";
import {
  type FileLocks,
  hasLock,
  OTHERS_HIDDEN,
  pidsOf,
  whyNoLocks,
} from "./file_locks.ts";
import type { Reasons } from "./reasons.ts";
import type { ReadMark } from "./report.ts";
import type { WalIndex } from "./wal_index.ts";

/** The five marks, and who reads at each of them. */
export function readMarks(
  index: WalIndex,
  locks: FileLocks | null,
  reasons: Reasons,
): ReadMark[] {
  return index.readMarks.map((frame, mark) => ({
    mark,
    frame: frame ?? reasons.note("wal.readMarks.frame", "it is not in use"),
    pids: readersAt(mark, locks) ??
      reasons.note("wal.readMarks.pids", whyHidden(locks)),
  }));
}

function readersAt(mark: number, locks: FileLocks | null): number[] | null {
  if (locks === null) return null;
  const pids = pidsOf(
    // A checkpoint or a writer holds marks for writing, for microseconds.
    locks.shm.filter((lock) => hasLock([lock], WAL_READ + mark, false)),
  );
  return pids.length > 0 || listsEverybody() ? pids : null;
}

function whyHidden(locks: FileLocks | null): string {
  return locks !== null ? OTHERS_HIDDEN : whyNoLocks();
}

/**
 * PIDs that keep a checkpoint from going on, the oldest snapshot first; `null`
 * if somebody may, and nobody can be named.
 */
export function whoPins(
  { frames, checkpointed }: WalIndex,
  marks: ReadMark[],
  locks: FileLocks | null,
  reasons: Reasons,
): number[] | null {
  // A writer reads too, the newest snapshot: it was named as a reader.
  const writers = pidsAt(locks?.shm ?? [], WAL_WRITE, true);
  const pins = marks
    // Readers of the database file alone keep anything from being moved there.
    .filter(({ mark, frame }) =>
      mark === 0 ? checkpointed < frames : (frame ?? frames) < frames
    )
    .sort((one, other) => (one.frame ?? 0) - (other.frame ?? 0));
  const pids = [...new Set(pins.flatMap(({ pids }) => pids ?? []))]
    .filter((pid) => !writers.includes(pid));
  const isWhole = locks !== null && listsEverybody();
  return pids.length > 0 || pins.length === 0 || isWhole
    ? pids
    : reasons.note("wal.pinnedBy", whyHidden(locks));
}
