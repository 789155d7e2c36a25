/** One description of a wait, run in two ways. @module */

import { now, sleepAsync, sleepSync } from "./clock.ts";

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

/** Waits of which one goes on at a time, in order; so does the event loop. */
export class Line {
  readonly #places: (PromiseWithResolvers<void> & {
    signal: AbortSignal | undefined;
    until: number;
  })[] = [];

  /**
   * Aborting ends the procedure where it sleeps, so its `finally` blocks run.
   * No signal is listened to: Node would warn of a leak at the eleventh wait.
   *
   * @param most When it is to give up, in ms.
   * @param after What is done with it before the next one goes on.
   */
  async wait<T, R = T>(
    procedure: Waiting<T>,
    signal: AbortSignal | undefined,
    most = Infinity,
    after?: (value: T) => Promise<R>,
  ): Promise<T | R> {
    const turn = Promise.withResolvers<void>();
    const places = this.#places;
    const place = Object.assign(turn, { signal, until: now() + most });
    try {
      if (places.push(place) > 1) await turn.promise;
      for (;;) {
        signal?.throwIfAborted();
        const step = procedure.next();
        if (step.done) return after ? await after(step.value) : step.value;
        await sleepAsync(step.value);
        // To look through ten thousand takes some 0.5 ms.
        if (Math.random() < 0.1) this.look();
      }
    } finally {
      procedure.return(undefined as never);
      places.splice(places.indexOf(place), 1);
      places[0]?.resolve();
    }
  }

  /** Ends the waits that are aborted, or out of time. */
  look(late?: () => unknown): void {
    for (const one of this.#places.slice(1)) {
      if (one.signal?.aborted) one.resolve();
      else if (late !== undefined && now() >= one.until) one.reject(late());
    }
  }

  /** Whoever is out of time as well would only hear the same. */
  giveUp(error: unknown): unknown {
    this.look(() => error);
    return error;
  }
}
