/**
 * Closes every connection of this process to one file, and opens them anew.
 *
 * SQLite keeps one state for all connections of a process to one file: its
 * locks, and the shared memory of the WAL. A new one beside an old one would
 * believe in locks that are gone, or read a new WAL by the index of a lost
 * one. So all of them are closed before the first is opened.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import { type OpenHandle, sharedState } from "../os/shared_state.ts";
import { abandoned } from "./loss_words.ts";

/** The handles of this process on one path. */
export function handlesOn(path: string): OpenHandle[] {
  return [...sharedState().open.get(path) ?? []];
}

/**
 * Exchanges the connections of all handles on `path`.
 *
 * @throws {LitelatchError} If one of them cannot be exchanged; then none was.
 * @throws {LockLostError} If closing them could hurt others; the same.
 */
export function exchange(path: string): void {
  const handles = handlesOn(path);
  const obstacles = handles.map((handle) => handle.obstacle());
  const what = obstacles.includes("adopted")
    ? "adopted: its owner has to close it"
    : obstacles.includes("busy")
    ? "in a transaction, or in a loop over rows; end that first"
    : null;
  if (what !== null) {
    throw new LitelatchError(
      "LITELATCH_OPEN",
      `Cannot open "${path}" anew: every connection of this process to it ` +
        `must be closed for that, and one is ${what}`,
    );
  }
  if (handles.some((handle) => handle.mustAbandon())) throw abandoned(path);
  try {
    for (const handle of handles) handle.detach();
    for (const handle of handles) handle.attach();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    for (const handle of handles) {
      handle.stop(
        `Cannot use "${path}": it was closed to be opened anew, and that ` +
          `failed: ${said}`,
      );
    }
    throw error;
  }
}
