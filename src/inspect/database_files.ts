/**
 * The three files of a database, each with a way to read it.
 *
 * @module
 */

import { statOf } from "./file_locks.ts";
import { type Excerpt, type Reader, readerOf } from "./safe_read.ts";
import {
  INDEX_FACTS_BYTES,
  parseWalIndex,
  type WalIndex,
} from "./wal_index.ts";

/** One file; `reader` is `null` where there is nothing to read. */
export interface Source {
  path: string;
  reader: Reader | null;
}

/** The database, its WAL and its wal-index. */
export interface Sources {
  database: Source | null;
  wal: Source | null;
  shm: Source | null;
}

/** Looks for the files. Nothing is opened yet. */
export function findSources(path: string, alone: boolean): Sources {
  return {
    database: source(path, alone),
    wal: source(`${path}-wal`, alone),
    shm: source(`${path}-shm`, alone),
  };
}

/** Reads from a file, or says why that cannot be done. */
export function readFrom(
  from: Source | null,
  offset: number,
  length: number,
): Excerpt {
  if (from?.reader) return from.reader.read(offset, length);
  const reason = from === null ? "there is no such file" : "it is no file";
  return { bytes: null, reason };
}

/** The size of a file now: others write it while we look. */
export function bytesOf(from: Source | null): number {
  return from === null ? 0 : statOf(from.path)?.size ?? 0;
}

// A writer changes the two copies of the header one after the other.
const MOST_READS = { cheap: 50, dear: 4 };

/** Reads the wal-index; `null` with the reason. */
export function readIndex(
  { shm, wal }: Sources,
): { index: WalIndex; reason: null } | { index: null; reason: string } {
  if (shm === null) return { index: null, reason: "there is no wal-index" };
  const most = MOST_READS[shm.reader?.cheap ? "cheap" : "dear"];
  for (let reads = 0; reads < most; reads++) {
    const { bytes, reason } = readFrom(shm, 0, INDEX_FACTS_BYTES);
    if (bytes === null) return { index: null, reason };
    const index = parseWalIndex(bytes);
    if (index === null) continue;
    // One that was left behind by a crash may speak of another WAL. Frames are
    // written before they are counted, so the size is asked for afterwards: by
    // an earlier one, 86 of 86 looks beside a writer took the index for such.
    const end = 32 + index.frames * (24 + index.pageSize);
    if (index.frames === 0 || end <= bytesOf(wal)) {
      return { index, reason: null };
    }
  }
  const reason = "the wal-index is none, or belongs to another WAL";
  return { index: null, reason };
}

function source(path: string, alone: boolean): Source | null {
  const file = statOf(path);
  if (file === null) return null;
  return {
    path,
    reader: file.kind === "file" ? readerOf(path, file, alone) : null,
  };
}
