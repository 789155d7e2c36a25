/**
 * What is done when the process exits. Courtesy only: the kernel frees the
 * locks of a process that dies without a word, and no signal is caught.
 *
 * @module
 */

import { sharedState } from "./shared_state.ts";

/**
 * Calls `run` when the process exits. It must leave usable what is open: a
 * program may write its last line in an `exit` listener of its own.
 *
 * @returns A function that takes it back.
 */
export function atExit(run: () => void): () => void {
  const state = sharedState();
  const { leaving } = state;
  leaving.add(run);
  state.unlisten ??= listen();
  return () => {
    leaving.delete(run);
    if (leaving.size > 0) return;
    sharedState().unlisten?.();
    sharedState().unlisten = null;
  };
}

/** One listener for all, as long as there is one. */
function listen(): () => void {
  const onExit = (): void => {
    for (const run of [...sharedState().leaving].reverse()) {
      try {
        run();
      } catch {
        // The next one still wants its turn, and nobody is left to tell.
      }
    }
  };
  process.on("exit", onExit);
  return () => void process.removeListener("exit", onExit);
}
