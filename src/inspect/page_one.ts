/**
 * Finds the newest committed page 1: it may still be in the WAL.
 *
 * @module
 */

import {
  type DatabaseHeader,
  HEADER_BYTES,
  parseHeader,
} from "./database_header.ts";
import { readFrom, readIndex, type Sources } from "./database_files.ts";
import {
  FRAME_HEADER_BYTES,
  frameOffset,
  hasSalts,
  type WalHeader,
} from "./wal_file.ts";
import { latestFrameOf, placeOf, type WalIndex } from "./wal_index.ts";

/** What was found. */
export interface PageOne {
  /** `null` if page 1 is not that of a database. */
  header: DatabaseHeader | null;
  /** Why it may be older than the newest commit; `null` if it is the newest. */
  stale: string | null;
}

// A reset of the WAL between two reads shows in the salts.
const MOST_TRIES = 5;
// Of a wal-index; enough for a WAL of 16 GB.
const MOST_INDEX_BYTES = 16 * 1024 * 1024;

/** Finds page 1 by the wal-index. */
export function pageOneByIndex(
  sources: Sources,
  inFile: DatabaseHeader | null,
  first: WalIndex,
): PageOne {
  let index: WalIndex | null = first;
  for (let tries = 0; tries < MOST_TRIES && index !== null; tries++) {
    const { checkpointed, frames, pageSize, salts } = index;
    if (frames === checkpointed) return { header: inFile, stale: null };
    const place = placeOf(frames);
    if (place.bytes > MOST_INDEX_BYTES) break;
    const { bytes } = readFrom(sources.shm, place.offset, place.bytes);
    if (bytes === null) break;
    const frame = latestFrameOf(1, checkpointed, frames, bytes);
    if (frame === null) return { header: inFile, stale: null };
    if (frame !== undefined) {
      const header = readFrame(sources, frame, pageSize, salts);
      if (header !== null) return { header, stale: null };
    }
    index = readIndex(sources).index;
  }
  return { header: inFile, stale: DOUBT };
}

// Each is a small read.
const MOST_FRAMES = 20_000;

/** Finds page 1 in the WAL itself, where there is no wal-index. */
export function pageOneByFrames(
  sources: Sources,
  inFile: DatabaseHeader | null,
  { pageSize, salts }: WalHeader,
  frames: number,
): PageOne {
  const oldest = Math.max(0, frames - MOST_FRAMES);
  for (let frame = frames; frame > oldest; frame--) {
    const { bytes } = readFrom(sources.wal, frameOffset(frame, pageSize), 4);
    if (bytes === null || bytes.length < 4) break;
    if (bytes[3] !== 1 || bytes[0] || bytes[1] || bytes[2]) continue;
    const header = readFrame(sources, frame, pageSize, salts);
    if (header !== null) return { header, stale: null };
    return { header: inFile, stale: DOUBT };
  }
  return { header: inFile, stale: oldest === 0 ? null : DOUBT };
}

const DOUBT = "a newer page 1 may be in the WAL";

function readFrame(
  sources: Sources,
  frame: number,
  pageSize: number,
  salts: Uint8Array,
): DatabaseHeader | null {
  const { bytes } = readFrom(
    sources.wal,
    frameOffset(frame, pageSize),
    FRAME_HEADER_BYTES + HEADER_BYTES,
  );
  if (bytes === null || !hasSalts(bytes, salts)) return null;
  return parseHeader(bytes.subarray(FRAME_HEADER_BYTES));
}
