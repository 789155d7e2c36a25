/**
 * What spares a look into a folder of 200,000 files: a mark on the lock file,
 * that no record beside it proved a living holder of an earlier lock file.
 *
 * The mark is a time of change that no file has by itself, so it ends with the
 * file that has it. Litter then stays in such a folder until `clean` comes.
 *
 * @module
 */

import { setModified } from "../os/files.ts";
import type { Location } from "../os/paths.ts";
import { lstat, quickStat } from "../os/stat.ts";

// Some ten thousand files on ext4, as many on tmpfs. Where the size of a folder
// says nothing, there is a look each time.
const BIG_BYTES = 256 * 1024;
const MARK_SECONDS = 1;

/** Whether there need be no look. */
export function isVerified({ path, folder }: Location): boolean {
  return isBig(folder) &&
    lstat(`${path}.lock`)?.modifiedMs === MARK_SECONDS * 1000;
}

/** Marks the lock file, after a look that found nobody. */
export function markVerified({ path, folder }: Location): void {
  if (isBig(folder)) setModified(`${path}.lock`, MARK_SECONDS);
}

function isBig(folder: string): boolean {
  return (quickStat(folder)?.size ?? 0) > BIG_BYTES;
}
