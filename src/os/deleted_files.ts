/**
 * Files that this process has open, but that have no name any more.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { mayLookAround } from "./permissions.ts";

/**
 * The first bytes of each open file that was deleted at `path`; none where the
 * system does not show them. Drops the locks of this process on them, so only
 * for files whose locks mean nothing any more.
 */
export function readDeleted(path: string, length: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  withDeleted(path, "r", (file) => {
    const bytes = new Uint8Array(length);
    if (fileSystem().readSync(file, bytes, 0, length, 0) === length) {
      found.push(bytes);
    }
  });
  return found;
}

/** Empties each of them. Whether there was one. */
export function emptyDeleted(path: string): boolean {
  return withDeleted(path, "r+", (file) => fileSystem().ftruncateSync(file, 0));
}

function withDeleted(
  path: string,
  flags: string,
  use: (file: number) => void,
): boolean {
  if (process.platform !== "linux" || !mayLookAround()) return false;
  const fs = fileSystem();
  let used = false;
  try {
    for (const name of fs.readdirSync("/proc/self/fd")) {
      const entry = `/proc/self/fd/${name}`;
      if (linkOf(entry) !== `${path} (deleted)`) continue;
      const file = fs.openSync(entry, flags);
      try {
        use(file);
        used = true;
      } finally {
        fs.closeSync(file);
      }
    }
  } catch {
    return false;
  }
  return used;
}

function linkOf(entry: string): string | null {
  try {
    return fileSystem().readlinkSync(entry);
  } catch {
    // The descriptor that read the folder is gone already.
    return null;
  }
}
