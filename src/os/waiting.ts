/** One description of a wait, run in two ways. @module */

import { sleepAsync, sleepSync } from "./clock.ts";

/** A procedure that yields how long to sleep, in ms, and returns `T`. */
export type Waiting<T> = Generator<number, T, void>;

/** Runs a waiting procedure to its end; the thread sleeps meanwhile. */
export function waitSync<T>(procedure: Waiting<T>): T {
  for (;;) {
    const step = procedure.next();
    if (step.done) return step.value;
    sleepSync(step.value);
  }
}

/**
 * The same; the event loop goes on meanwhile. Aborting ends the procedure where
 * it sleeps, so its `finally` blocks run. The signal is asked after each sleep,
 * as a listener for each wait would make Node warn of a leak at the eleventh.
 */
export async function waitAsync<T>(
  procedure: Waiting<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = procedure.next();
      if (step.done) return step.value;
      await sleepAsync(step.value);
    }
  } catch (error) {
    procedure.return(undefined as never);
    throw error;
  }
}
