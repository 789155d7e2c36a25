/** Time that no one sets, and sleep. @module */

import { attempt, type Realm } from "./builtin.ts";

// At once, before a test puts another one in its place.
const read = "Deno" in globalThis ? performance.now.bind(performance) : null;
// What was slept while a test had stopped the clock (fake timers).
let stoodStill = 0;

/**
 * Milliseconds on a steady clock that no test fakes. The first use of
 * `performance` on Node loads eleven modules, a twelfth of what a hook costs;
 * `uptime` of Deno is slow, and as fake as what was put in place of the other.
 */
export function now(): number {
  return (read?.() ?? process.uptime() * 1e3) + stoodStill;
}

/** Counts a sleep that the clock did not; not others, as some end early. */
export function countSleep(ms: number, since: number): void {
  if (now() === since) stoodStill += ms;
}

let usleep: ((microseconds: number) => void) | undefined;
let shortSleeps = 0;

interface Ffi {
  dlopen(path: string, what: object): { symbols: { usleep(us: number): void } };
}

/** Sleeps the thread; also the main one, in all three runtimes. */
export function sleepSync(ms: number): void {
  const { Bun } = globalThis as Realm;
  const since = now();
  // In Bun, Atomics.wait waits for a time of day: when the clock was set back
  // by twenty seconds, a wait of one millisecond took twenty seconds.
  if (!Bun?.sleepSync) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  } else if (ms < 1 && ++shortSleeps > 20) {
    // sleepSync cuts fractions off; this takes some milliseconds at first.
    usleep ??= attempt(() => {
      const ffi = process.getBuiltinModule("bun:ffi" as "fs") as unknown as Ffi;
      const what = { usleep: { args: ["u32"] } };
      return ffi.dlopen("libc.so.6", what).symbols.usleep;
    }, () => Bun.sleepSync?.(1));
    usleep(ms * 1000);
  } else {
    // By chance, so that contenders stay out of step.
    Bun.sleepSync(Math.max(1, Math.floor(ms + Math.random())));
  }
  countSleep(ms, since);
}

/** A sleep that can be ended. */
export type Nap = { end?: () => void };

/**
 * Sleeps, and the event loop goes on. A test may have stopped every timer: then
 * `waitAsync` ends it, which by itself keeps no process alive. Node takes less
 * than half a millisecond for none, and a wait would take all of a core; Deno
 * wakes a millisecond late.
 */
export async function sleepAsync(ms: number, nap: Nap = {}): Promise<void> {
  const since = now();
  const word = new Int32Array(new SharedArrayBuffer(4));
  const { Bun, Deno } = globalThis as Realm;
  const waits = Bun ? ms : Deno ? Math.max(0.1, ms - 1) : Math.ceil(ms);
  const woken = Atomics.waitAsync?.(word, 0, 0, waits).value;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const asleep = new Promise<void>((resolve) => {
    timer = setTimeout(nap.end = resolve, ms);
  });
  await Promise.race([asleep, woken ?? asleep]);
  clearTimeout(timer);
  countSleep(ms, since);
}

/** Calls `run` until it says `false`, and keeps no process alive for it. */
export function every(ms: number, run: () => unknown): () => void {
  const stop = unkept(setInterval(() => run() === false && stop(), ms));
  return stop;
}

/** Keeps no process alive for a timer. Returns what stops it. */
export function unkept(timer: unknown): () => void {
  const { unref, close } = Object(timer) as Record<string, () => void>;
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
