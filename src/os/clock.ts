/** Time that no one sets, and sleep. @module */

import { attempt, type Realm } from "./builtin.ts";

/**
 * Milliseconds on a steady clock.
 *
 * Not `performance.now()` on Node: its first use there loads eleven modules,
 * a twelfth of what a hook costs. Nor `hrtime` elsewhere, as every write asks
 * for the time: it took longer on Deno, and cost a write 0.2 µs on Bun.
 */
export function now(): number {
  const { Bun, Deno } = globalThis as Realm;
  if (Bun?.nanoseconds) return Bun.nanoseconds() / 1e6;
  if (Deno) return (read ??= performance.now.bind(performance))();
  const [seconds, nanoseconds] = (hrtime ??= process.hrtime)();
  return seconds * 1e3 + nanoseconds / 1e6;
}

// As they are at first use: tests put clocks of their own in place later.
let read: (() => number) | undefined;
let hrtime: (() => [number, number]) | undefined;

/**
 * How long a wait has lasted. A test may have stopped the clock (fake timers):
 * then what was surely slept counts, or a write would wait for ever.
 */
export class Stopwatch {
  readonly #start: number = now();
  #slept = 0;

  get elapsed(): number {
    return Math.max(now() - this.#start, this.#slept);
  }

  add(slept: number): void {
    this.#slept += slept;
  }
}

type Sleep = (microseconds: number) => void;

let usleep: Sleep | undefined;
let shortSleeps = 0;

/** Sleeps the thread; also the main one, in all three runtimes. */
export function sleepSync(milliseconds: number): void {
  const { Bun } = globalThis as Realm;
  // In Bun, Atomics.wait waits for a time of day: when the clock was set back
  // by twenty seconds, a wait of one millisecond took twenty seconds.
  if (Bun?.sleepSync === undefined) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  } else if (milliseconds < 1 && ++shortSleeps > 20) {
    // sleepSync cuts fractions off; this takes some milliseconds at first.
    usleep ??= attempt(cSleep, () => Bun.sleepSync?.(1));
    usleep(milliseconds * 1000);
  } else {
    // By chance, so that contenders stay out of step.
    Bun.sleepSync(Math.max(1, Math.floor(milliseconds + Math.random())));
  }
}

function cSleep(): Sleep {
  const { dlopen } = process.getBuiltinModule("bun:ffi" as "fs") as unknown as {
    dlopen(path: string, what: object): { symbols: { usleep: Sleep } };
  };
  return dlopen("libc.so.6", { usleep: { args: ["u32"] } }).symbols.usleep;
}

/** Calls `run` again and again, and keeps no process alive for it. */
export function every(milliseconds: number, run: () => void): () => void {
  const timer = setInterval(run, milliseconds);
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}

/**
 * Lets `target` tell again and again, as long as somebody refers to it: each hot
 * reload left a handle behind that its timers kept for ever. It takes no
 * function, which would hold on to whatever is in scope where it was made.
 */
export function everyWeakly(
  milliseconds: number,
  target: { tell(): void },
): () => void {
  const weak = new WeakRef(target);
  const stop = every(milliseconds, () => {
    const alive = weak.deref();
    if (alive === undefined) stop();
    else alive.tell();
  });
  return stop;
}
