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
export function sleepSync(ms: number): void {
  const { Bun } = globalThis as Realm;
  // In Bun, Atomics.wait waits for a time of day: when the clock was set back
  // by twenty seconds, a wait of one millisecond took twenty seconds.
  if (Bun?.sleepSync === undefined) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  } else if (ms < 1 && ++shortSleeps > 20) {
    // sleepSync cuts fractions off; this takes some milliseconds at first.
    usleep ??= attempt(cSleep, () => Bun.sleepSync?.(1));
    usleep(ms * 1000);
  } else {
    // By chance, so that contenders stay out of step.
    Bun.sleepSync(Math.max(1, Math.floor(ms + Math.random())));
  }
}

function cSleep(): Sleep {
  const { dlopen } = process.getBuiltinModule("bun:ffi" as "fs") as unknown as {
    dlopen(path: string, what: object): { symbols: { usleep: Sleep } };
  };
  return dlopen("libc.so.6", { usleep: { args: ["u32"] } }).symbols.usleep;
}

/**
 * Sleeps, and the event loop goes on. A test may have stopped every timer: then
 * `waitAsync` ends it, which by itself keeps no process alive.
 */
export async function sleepAsync(ms: number): Promise<void> {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const woken = Atomics.waitAsync?.(word, 0, 0, ms).value;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const asleep = new Promise<unknown>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([asleep, woken ?? asleep]);
  clearTimeout(timer);
}

/** Calls `run` until it says `false`, and keeps no process alive for it. */
export function every(ms: number, run: () => unknown): () => void {
  const stop = unkept(setInterval(() => run() === false && stop(), ms));
  return stop;
}

/** Keeps no process alive for a timer. Returns what stops it. */
export function unkept(timer: unknown): () => void {
  const { unref, close } = timer as Record<string, (() => void) | undefined>;
  unref?.call(timer);
  // The `clearTimeout` of a test complains of timers that are not its own.
  return () => close ? close.call(timer) : clearTimeout(timer as number);
}

/**
 * Calls a method of `target`, or says `false` once nobody refers to it. A function
 * would hold on to whatever is in scope where it was made, after a hot reload too.
 */
export function weakly<K extends string>(
  target: Record<K, () => void>,
  method: K,
): () => boolean {
  const weak = new WeakRef(target);
  return () => {
    const alive = weak.deref();
    alive?.[method]();
    return alive !== undefined;
  };
}
