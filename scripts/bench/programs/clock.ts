/**
 * Time that processes of all runtimes can compare, and a sleep.
 *
 * @module
 */

// A runtime may round its `timeOrigin` to a millisecond. The moment at which
// `Date.now()` steps on is the same for all of them. A thread that is held up
// at that moment takes it for earlier than it was, never for later.
const STEPS = 10;
let origin: number | undefined;

/** Milliseconds on the clock that all processes share, to some microseconds. */
export function clock(): number {
  origin ??= Math.max(...Array.from({ length: STEPS }, step));
  return origin + performance.now();
}

function step(): number {
  const before = Date.now();
  let stepped = before;
  while (stepped === before) stepped = Date.now();
  return stepped - performance.now();
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps the thread. */
export function sleep(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(cell, 0, 0, milliseconds);
}
