/**
 * One description of a wait, run in two ways: a waiting procedure is a
 * generator that yields how many milliseconds to sleep before it goes on.
 *
 * @module
 */

/** A procedure that sleeps now and then, and returns `T` in the end. */
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
 * Runs a waiting procedure to its end; the event loop goes on meanwhile.
 * Aborting ends the procedure where it sleeps, so its `finally` blocks run.
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
      await sleep(step.value, signal);
    }
  } catch (error) {
    procedure.return(undefined as never);
    throw error;
  }
}

/** Sleeps the thread; also the main one, in all three runtimes. */
export function sleepSync(milliseconds: number): void {
  const { Bun } = globalThis as { Bun?: { sleepSync?(ms: number): void } };
  // In Bun, Atomics.wait waits for a time of day: when the clock was set back by
  // twenty seconds, a wait of one millisecond took twenty seconds.
  if (Bun?.sleepSync === undefined) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    return;
  }
  // It cuts fractions off. By chance, so that contenders stay out of step.
  Bun.sleepSync(Math.max(1, Math.floor(milliseconds + Math.random())));
}

/**
 * Milliseconds on a clock that no one sets.
 *
 * Not `performance.now()` on Node: its first use there loads eleven modules,
 * a twelfth of what a hook costs. Nor `hrtime` elsewhere, as every write asks
 * for the time: it took longer on Deno, and cost a write 0.2 µs on Bun.
 */
export function now(): number {
  const { Bun } = globalThis as { Bun?: { nanoseconds?(): number } };
  if (Bun?.nanoseconds !== undefined) return Bun.nanoseconds() / 1e6;
  if ("Deno" in globalThis) return performance.now();
  const time = process.hrtime();
  return time[0] * 1e3 + time[1] / 1e6;
}

function sleep(
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}
