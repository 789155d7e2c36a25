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
  const { leaving } = sharedState();
  leaving.add(run);
  listen();
  return () => void leaving.delete(run);
}

/** One listener for all, for ever: none of others is ever disturbed by it. */
function listen(): void {
  const state = sharedState();
  if (state.listens) return;
  state.listens = true;
  process.on("exit", () => {
    for (const run of [...state.leaving].reverse()) {
      try {
        run();
      } catch {
        // The next one still wants its turn, and nobody is left to tell.
      }
    }
  });
}
