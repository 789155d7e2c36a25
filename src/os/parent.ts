/**
 * Notices that nobody is left to serve.
 *
 * @module
 */

import { every } from "./clock.ts";
import { sharedState } from "./shared_state.ts";

const LOOK_EVERY_MS = 1000;

/**
 * Calls `leave` once when the parent process has died, or when standard input
 * has ended. An end of standard input is seen only if the program reads it:
 * reading it here would take the input away from the program.
 *
 * One watch serves the whole process: with a listener for each of twelve
 * handles Node warned of a leak. It keeps no process alive.
 *
 * @returns A function that takes it back.
 */
export function whenOrphaned(leave: () => void): () => void {
  const state = sharedState();
  state.orphaned.add(leave);
  state.unwatchParent ??= watch();
  return () => {
    state.orphaned.delete(leave);
    if (state.orphaned.size > 0) return;
    state.unwatchParent?.();
    state.unwatchParent = null;
  };
}

function watch(): () => void {
  const parent = process.ppid;
  const { stdin } = process;
  const gone = (): void => {
    unwatch();
    for (const leave of [...sharedState().orphaned]) leave();
  };
  // Whoever inherits orphans has another PID than the parent had.
  const stop = every(LOOK_EVERY_MS, () => {
    if (process.ppid !== parent) gone();
  });
  const unwatch = (): void => {
    stop();
    stdin.removeListener("end", gone);
    stdin.removeListener("close", gone);
  };
  stdin.once("end", gone);
  stdin.once("close", gone);
  return unwatch;
}

/** Ends the process the way that runs its `exit` listeners. */
export function exitProcess(): never {
  process.exit(0);
}
