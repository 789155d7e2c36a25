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
import {
  type FileIdentity,
  lstat,
  parseIdentity,
  quickStat,
} from "../os/stat.ts";

// Some ten thousand files on ext4, as many on tmpfs. Where the size of a folder
// says nothing, there is a look each time.
const BIG_BYTES = 256 * 1024;

/** Whether there need be no look. */
export function isVerified({ path, folder }: Location): boolean {
  if (!isBig(folder)) return false;
  const found = lstat(`${path}.lock`);
  return found !== null && found.modifiedMs === markOf(found) * 1000;
}

/**
 * Marks the lock file, after a look that found nobody.
 *
 * @param identity The lock file that we hold.
 */
export function markVerified(
  { path, folder }: Location,
  identity: string,
): void {
  const file = parseIdentity(identity);
  if (file !== null && isBig(folder)) {
    setModified(`${path}.lock`, markOf(file));
  }
}

/**
 * Says which file it speaks of: it is set by a path, which may lead to a new
 * file by then.
 */
function markOf({ ino }: FileIdentity): number {
  return 1 + Number(ino % 1_000_000_000n);
}

function isBig(folder: string): boolean {
  return (quickStat(folder)?.size ?? 0) > BIG_BYTES;
}
