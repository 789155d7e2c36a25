/**
 * What the lock files of other programs need: put another in the place of one,
 * and take one away unless it changed. The core never imports this.
 */

import { attempt, failureOf, fileSystem } from "./builtin.ts";
import { sleepSync } from "./clock.ts";
import { create, moveTo, readSmall, remove, type Rights } from "./files.ts";
import { type FileStat, isPosix, lstat } from "./stat.ts";

/** Whether a folder is empty; `null` if it cannot be listed. */
export function isEmptyFolder(path: string): boolean | null {
  return attempt(() => fileSystem().readdirSync(path).length === 0, null);
}

/** Puts `content` in the place of the file at `path`, in one step. */
export function exchange(
  path: string,
  draft: string,
  content: string,
  rights: Rights | null,
): boolean {
  try {
    if (!create(draft, content, rights)) return false;
    rename(draft, path);
    return true;
  } catch {
    remove(draft);
    return false;
  }
}

/**
 * Takes away what was seen at `path`, unless it has changed since. It is moved
 * aside first, and looked at there: to look and then remove destroyed a lock
 * that another process had taken in between.
 *
 * @param text What was read of a file; `null` for a folder.
 * @param aside A free name in the same folder.
 * @returns Whether it is gone.
 * @throws The system's error where this user may not.
 */
export function takeAway(
  path: string,
  seen: FileStat,
  text: string | null,
  aside: string,
): boolean {
  const fs = fileSystem();
  const isSeen = (place: string): boolean => {
    const found = lstat(place);
    return found !== null && found.identity === seen.identity &&
      found.kind === seen.kind && found.modifiedMs === seen.modifiedMs &&
      (text === null || (readSmall(place) ?? "") === text);
  };
  try {
    if (!isSeen(path)) return false;
    rename(path, aside);
    if (isSeen(aside)) {
      if (seen.kind === "folder") fs.rmdirSync(aside);
      else fs.unlinkSync(aside);
      return true;
    }
  } catch (error) {
    const { code } = error as { code?: string };
    // Others took it away; or they put something into the folder.
    if (code === "ENOENT") return false;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
  putBack(aside, path);
  return false;
}

function putBack(aside: string, path: string): void {
  const found = lstat(aside);
  if (found?.kind === "file") moveTo(aside, path);
  else if (found !== null && lstat(path) === null) {
    rename(aside, path);
  }
}

/** On Windows what a scanner has open cannot be moved, for a moment. */
function rename(from: string, to: string): void {
  for (let tries = 0;; tries++) {
    const failure = failureOf(() => fileSystem().renameSync(from, to));
    if (failure === null) return;
    const mayPass = failure === "EBUSY" || failure === "EPERM";
    if (isPosix() || !mayPass || tries === 19) break;
    sleepSync(10);
  }
  fileSystem().renameSync(from, to);
}
