/**
 * The end of the process. What is done then is courtesy only: the kernel frees
 * the locks of a process that dies without a word, and no signal is caught.
 */

import { attempt } from "./builtin.ts";
import { every } from "./clock.ts";
import { answers } from "./process.ts";
import { sharedState } from "./shared_state.ts";

/**
 * Calls `run` when the process exits. It must leave usable what is open: a
 * program may write its last line in an `exit` listener of its own.
 *
 * @returns A function that takes it back.
 */
export function atExit(run: () => void): () => void {
  return join("leaving", "unlisten", run, () => {
    // If one throws, the next still wants its turn, and nobody can be told.
    const onExit = () =>
      [...sharedState().leaving].reverse().forEach((one) => attempt(one, null));
    process.on("exit", onExit);
    return () => void process.removeListener("exit", onExit);
  });
}

/**
 * Calls `leave` and ends the process when its parent has died, or standard input
 * has ended: if the program reads it, as to read it here would take it away.
 *
 * @returns A function that takes it back.
 */
export function whenOrphaned(leave: () => void): () => void {
  return join("orphaned", "unwatchParent", leave, () => {
    const { ppid, stdin } = process;
    const gone = (): void => {
      [...sharedState().orphaned].forEach((one) => attempt(one, null));
      process.exit(0);
    };
    // Whoever inherits orphans has another PID; on Windows nobody does.
    const isGone = () =>
      process.ppid !== ppid || process.platform === "win32" && !answers(ppid);
    const stop = every(1000, () => isGone() && gone());
    stdin.once("end", gone);
    stdin.once("close", gone);
    return () => {
      stop();
      stdin.removeListener("end", gone);
      stdin.removeListener("close", gone);
    };
  });
}

/** One listener for all: with one for each of twelve handles Node warned. */
function join(
  calls: "leaving" | "orphaned",
  end: "unlisten" | "unwatchParent",
  call: () => void,
  listen: () => () => void,
): () => void {
  const state = sharedState();
  state[calls].add(call);
  state[end] ??= listen();
  return () => {
    state[calls].delete(call);
    if (state[calls].size > 0) return;
    state[end]?.();
    state[end] = null;
  };
}
