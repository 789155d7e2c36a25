/**
 * What the locks of other programs need: looking at one that may be a folder,
 * and putting another in its place.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { remove } from "./files.ts";

/** Puts `content` at `path`, in the place of whatever file is there. */
export function exchange(
  path: string,
  draft: string,
  content: string,
): boolean {
  const fs = fileSystem();
  try {
    fs.writeFileSync(draft, content, { flag: "wx" });
    fs.renameSync(draft, path);
    return true;
  } catch {
    remove(draft);
    return false;
  }
}

/** When a file or folder was last touched; `null` if nothing is there. */
export function lastTouched(
  path: string,
): { kind: "file" | "folder"; at: number } | null {
  const stat = fileSystem().lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  return { kind: stat.isDirectory() ? "folder" : "file", at: stat.mtimeMs };
}
