/**
 * How long a lease is ours for certain, by our own clocks.
 *
 * @module
 */

import { now } from "../os/clock.ts";

/** One moment on both clocks. */
export interface Moment {
  /** Milliseconds on a clock that no one sets. */
  steady: number;
  /** Milliseconds since 1970, on a clock that anyone may set. */
  wall: number;
}

/** Why a term is over. */
export type Over =
  | "time" // it could not be renewed in time
  | "clock"; // only the wall clock says so

/** Looks at both clocks. */
export function moment(): Moment {
  return { steady: now(), wall: Date.now() };
}

// The rest is for two clocks that run at different speeds, and for a timer
// that comes late.
const CERTAIN = 0.9;

// Two clocks that tell the same may be read some milliseconds apart.
const AGREE_MS = 100;

/**
 * The time that one grant or renewal is good for. etcd counts from when it
 * handles a request, so we count from before it was sent.
 *
 * The steady clock decides. It stands still while a machine sleeps
 * (CLOCK_MONOTONIC, clock_gettime(2)), so the wall clock is asked as well:
 * whichever says first that the time is over is believed.
 */
export class Term {
  #from: Moment;
  #ms: number;

  constructor(from: Moment, ttlMs: number) {
    this.#from = from;
    this.#ms = ttlMs * CERTAIN;
  }

  /** What is left of it, in milliseconds. */
  get left(): number {
    return this.#ms - this.elapsed().steady;
  }

  /** How much has passed, on each clock. */
  elapsed(): Moment {
    const { steady, wall } = moment();
    return {
      steady: steady - this.#from.steady,
      wall: wall - this.#from.wall,
    };
  }

  /** Begins anew. */
  renew(from: Moment, ttlMs: number): void {
    this.#from = from;
    this.#ms = ttlMs * CERTAIN;
  }

  /** Why it is over; `null` while it lasts. */
  over(): Over | null {
    const { steady, wall } = this.elapsed();
    if (Math.max(steady, wall) < this.#ms) return null;
    return wall - steady > AGREE_MS ? "clock" : "time";
  }
}
