/**
 * How much of a deleted WAL is nowhere else, where SQLite cannot tell.
 *
 * @module
 */

import { readDeleted } from "../os/deleted_files.ts";

// https://sqlite.org/walformat.html#the_wal_index_file_format
const MX_FRAME = 16;
const N_BACKFILL = 96;

/**
 * Whether frames in the deleted WAL of `path` are not in its database, by the
 * index that was deleted with it; `null` if it cannot be read.
 */
export function hasLostFrames(path: string): boolean | null {
  const found = readDeleted(`${path}-shm`, N_BACKFILL + 4);
  if (found.length === 0) return null;
  return found.some((bytes) => {
    const words = new Uint32Array(bytes.buffer);
    return words[MX_FRAME / 4] !== words[N_BACKFILL / 4];
  });
}
