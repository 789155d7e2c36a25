/**
 * How far the readers of the WAL see, and who of them holds it up.
 *
 * @module
 */

import { blindness } from "../os/neighbours.ts";
import { type FileLocks, pidsOf, READ_BYTE, touches } from "./kernel.ts";
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
    pids: locks === null
      ? reasons.note("wal.readMarks.pids", blindness() ?? UNREAD)
      // A checkpoint or a writer holds marks for writing, for microseconds.
      : pidsOf(
        locks.shm.filter((lock) => touches([lock], READ_BYTE + mark, false)),
      ),
  }));
}

const UNREAD = "/proc/locks cannot be read here";

/** PIDs that keep a checkpoint from going on, the oldest snapshot first. */
export function whoPins(
  { frames, checkpointed }: WalIndex,
  marks: ReadMark[],
  reasons: Reasons,
): number[] | null {
  if (marks.some(({ pids }) => pids === null)) {
    return reasons.note("wal.pinnedBy", blindness() ?? UNREAD);
  }
  const pins = marks
    // Readers of the database file alone keep anything from being moved there.
    .filter(({ mark, frame }) =>
      mark === 0 ? checkpointed < frames : (frame ?? frames) < frames
    )
    .sort((one, other) => (one.frame ?? 0) - (other.frame ?? 0));
  return [...new Set(pins.flatMap(({ pids }) => pids ?? []))];
}
