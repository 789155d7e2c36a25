/**
 * What lies at our names, or at SQLite's, and is none of it: planted by
 * others, or left by another program. It is never touched.
 *
 * @module
 */

import { namesIn, readSmall } from "../os/files.ts";
import type { Location } from "../os/paths.ts";
import type { FileStat } from "../os/stat.ts";
import { lstatOf } from "./file_locks.ts";
import type { ForeignFile } from "./report.ts";

// A pidfile of ours, or a draft of one.
const PIDFILE = /^(?:-[0-9a-f]{16}(?:\.tmp)?)?$/;

/**
 * Finds them.
 *
 * @param ours Paths of the pidfiles that are ours by their form.
 */
export function findForeign(
  { path, folder, name }: Location,
  ours: readonly string[],
): ForeignFile[] {
  const prefix = `${name}.pid`;
  const records = namesIn(folder, prefix)
    .map((found) => found.slice(prefix.length))
    .filter((rest) =>
      PIDFILE.test(rest) && !ours.includes(`${path}.pid${rest}`)
    )
    .map((rest) => describe(`.pid${rest}`, recordFault));
  return [
    describe(".lock", lockFileFault),
    describe("-wal", () => null),
    describe("-shm", () => null),
    describe("-journal", () => null),
    ...records,
  ].filter((found) => found !== null);

  function describe(
    end: string,
    faultOf: (file: FileStat) => string | null,
  ): ForeignFile | null {
    const file = lstatOf(path + end);
    const what = file === null ? null : kindFault(file) ?? faultOf(file);
    return what === null ? null : { name: name + end, what };
  }
}

function kindFault({ kind }: FileStat): string | null {
  if (kind === "file") return null;
  return kind === "link" ? "a symbolic link" : `a ${kind}`;
}

function lockFileFault({ size, links }: FileStat): string | null {
  if (size !== 0) return `a file of something else, of ${size} bytes`;
  return links > 1 ? `a file with ${links} names (hard links)` : null;
}

function recordFault({ path = "", size }: FileStat): string | null {
  // A database, to read which would drop the locks of this process on it.
  const isRead = size % 512 !== 0 && readSmall(path) !== null;
  if (isRead || size % 512 === 0) return "a file of something else";
  // It may have been withdrawn meanwhile.
  return lstatOf(path) === null ? null : "a file that this user cannot read";
}
