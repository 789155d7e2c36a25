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
 */
export function atExit(run: () => void): () => void {
  return join("exit", run, (callAll) => {
    process.prependListener("exit", callAll);
    return () => void process.removeListener("exit", callAll);
  });
}

/**
 * Calls `leave` and ends the process when its parent has died, or standard input
 * has ended: if the program reads it, as to read it here would take it away.
 */
export function whenOrphaned(leave: () => void): () => void {
  return join("orphaned", leave, (callAll) => {
    const { ppid, stdin } = process;
    const gone = (): void => {
      callAll();
      process.exit(0);
    };
    // Whoever inherits orphans has another PID; on Windows nobody does.
    const isGone = () =>
      process.ppid !== ppid || process.platform === "win32" && !answers(ppid);
    // What says `false` is not asked again.
    const stop = every(1000, () => !isGone() || gone());
    stdin.once("end", gone);
    stdin.once("close", gone);
    return () => {
      stop();
      stdin.removeListener("end", gone);
      stdin.removeListener("close", gone);
    };
  });
}

/** One listener for all, as Node warned at twelve. Gives what takes it back. */
function join(
  what: "exit" | "orphaned",
  call: () => void,
  listen: (callAll: () => void) => () => void,
): () => void {
  const { endings } = sharedState();
  const known = endings.get(what);
  const calls = known?.calls ?? new Set();
  calls.add(call);
  // The latest goes first. If one throws, the next still wants its turn.
  const callAll = () => {
    for (const one of [...calls].reverse()) attempt(one, null);
  };
  const unlisten = known?.unlisten ?? listen(callAll);
  endings.set(what, { calls, unlisten });
  return () => {
    if (!calls.delete(call) || calls.size > 0) return;
    unlisten();
    endings.delete(what);
  };
}
