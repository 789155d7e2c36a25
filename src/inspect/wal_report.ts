/**
 * What the WAL and its index say. Others append to the file, begin it anew and
 * empty it between any two reads.
 *
 * @module
 */

import {
  bytesOf,
  readFrom,
  readIndex,
  type Sources,
} from "./database_files.ts";
import type { FileLocks } from "./file_locks.ts";
import { readMarks, whoPins } from "./read_marks.ts";
import type { Reasons } from "./reasons.ts";
import type { WalReport } from "./report.ts";
import {
  countFrames,
  parseWalHeader,
  WAL_HEADER_BYTES,
  type WalHeader,
} from "./wal_file.ts";
import type { WalIndex } from "./wal_index.ts";

/** What was read. */
export interface Wal {
  /** `null` without one. */
  index: WalIndex | null;
  /** Of the file itself; `null` if it is none, `undefined` if not read. */
  header: WalHeader | null | undefined;
  /** Whether there was nothing in the file. */
  isEmpty: boolean;
  frames: number | null;
}

/** Reads the WAL and its index. */
export function readWal(sources: Sources, reasons: Reasons): Wal {
  const { wal } = sources;
  const { header, isEmpty, reason: unread } = readHeader(sources);
  if (unread !== null) reasons.note("wal.valid", unread);
  const { index, reason } = readIndex(sources);
  if (index !== null) return { index, header, isEmpty, frames: index.frames };
  if (isEmpty) return { index, header, isEmpty, frames: 0 };
  reasons.note("wal.checkpointed", reason);
  reasons.note("wal.readMarks", reason);
  reasons.note("wal.pinnedBy", reason);
  const none = (why: string): Wal => {
    reasons.note("wal.frames", why);
    return { index, header, isEmpty, frames: null };
  };
  if (header === undefined) return none(unread ?? reason);
  // SQLite takes no frame from a file without a valid header.
  if (header === null) return { index, header, isEmpty, frames: 0 };
  if (!wal?.reader?.cheap) return none(reason);
  const frames = countFrames(header, bytesOf(wal), wal.reader.read);
  return frames === null
    ? none("the frames could not be counted")
    : { index, header, isEmpty, frames };
}

// A writer that begins the file anew puts another header over the old one.
const MOST_READS = 3;

function readHeader(
  { wal }: Sources,
): { header: Wal["header"]; isEmpty: boolean; reason: string | null } {
  const empty = { header: null, isEmpty: true, reason: null };
  for (let reads = 0; reads < MOST_READS; reads++) {
    // Where another process must read, it need not be asked for nothing.
    if (bytesOf(wal) === 0) return empty;
    const { bytes, reason } = readFrom(wal, 0, WAL_HEADER_BYTES);
    if (bytes === null) return { header: undefined, isEmpty: false, reason };
    // A checkpoint emptied it since: 14 of 904 looks beside ones that did so all
    // the time said that the WAL was damaged.
    if (bytes.length === 0) return empty;
    const header = parseWalHeader(bytes);
    if (header !== null) return { header, isEmpty: false, reason: null };
  }
  return { header: null, isEmpty: false, reason: null };
}

/** Says what was read. */
export function walReport(
  { wal }: Sources,
  { index, header, isEmpty, frames }: Wal,
  locks: FileLocks | null,
  reasons: Reasons,
): WalReport | null {
  if (wal === null) return reasons.note("wal", "there is no WAL file");
  if (index === null && isEmpty) {
    for (const fact of ["readMarks", "pinnedBy"]) {
      reasons.note(`wal.${fact}`, "there is no wal-index");
    }
  }
  const marks = index === null ? null : readMarks(index, locks, reasons);
  return {
    bytes: bytesOf(wal),
    valid: isEmpty || (header === undefined ? null : header !== null),
    frames,
    checkpointed: index?.checkpointed ?? (frames === 0 ? 0 : null),
    readMarks: marks,
    pinnedBy: index === null || marks === null
      ? null
      : whoPins(index, marks, locks, reasons),
  };
}
