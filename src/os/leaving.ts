/**
 * Closes what is open when the process ends. Courtesy only: the kernel frees
 * the locks of a process that dies without a word.
 *
 * @module
 */

import { ignoredSignals } from "./process.ts";
import { sharedState } from "./shared_state.ts";

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof NUMBERS;

/**
 * Calls `close` when the process ends.
 *
 * @returns A function that takes the promise back.
 */
export function whenLeaving(close: () => void): () => void {
  const state = sharedState();
  state.leaving.add(close);
  state.unwatch ??= watch();
  return () => {
    state.leaving.delete(close);
    if (state.leaving.size === 0) {
      state.unwatch?.();
      state.unwatch = null;
    }
  };
}

function watch(): () => void {
  // After nohup, or behind a shell's &, a listener would end a process that was
  // to survive that signal. All or none: in Deno 2.9 the first listener for
  // any signal takes the three out of what is ignored.
  const ignored = ignoredSignals();
  const all = Object.keys(NUMBERS) as Signal[];
  const spared = isInit() || all.some((name) => ignored.has(NUMBERS[name]));
  const signals = spared ? [] : all;
  const onSignal = (signal: NodeJS.Signals): void => {
    // Somebody else listens: whether the process ends is theirs to say, and
    // they may still need the database for it. `exit` comes in any case.
    if (process.listenerCount(signal) > 1) return;
    closeAll();
    unwatch();
    try {
      // Without a listener the signal does what it would have done.
      process.kill(process.pid, signal);
    } catch {
      process.exit(128 + NUMBERS[signal as Signal]);
    }
  };
  const unwatch = (): void => {
    process.removeListener("exit", closeAll);
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
  process.on("exit", closeAll);
  // First in line: a listener that was added with once() before us is gone from
  // the count by the time it has run, and it may need the process a while yet.
  for (const signal of signals) process.prependListener(signal, onSignal);
  return unwatch;
}

/**
 * The kernel spares an init what a signal does by default
 * (pid_namespaces(7)), so in a container the one process lived on with every
 * database closed; Deno 2.9 crashed, which cannot end itself by the signal.
 */
function isInit(): boolean {
  return process.pid === 1;
}

function closeAll(): void {
  for (const close of [...sharedState().leaving].reverse()) {
    try {
      close();
    } catch {
      // The next one still wants closing, and nobody is left to tell.
    }
  }
}
