/**
 * When writes are asked for, and how an ideal queue would serve them.
 *
 * @module
 */

import { randomOf } from "./figures.ts";
import type { Write } from "./writers.ts";

/**
 * Milliseconds of open-loop Poisson arrivals, for each process: who waits does
 * not put off the next arrival.
 */
export function poisson(
  { seed, seconds, processes, perSecond }: {
    seed: number;
    seconds: number;
    processes: number;
    /** Of all processes together. */
    perSecond: number;
  },
): number[][] {
  const random = randomOf(seed);
  const mean = 1000 * processes / perSecond;
  return Array.from({ length: processes }, () => {
    const arrivals: number[] = [];
    for (let at = 0;;) {
      at -= Math.log(1 - random()) * mean;
      if (at > seconds * 1000) return arrivals;
      arrivals.push(at);
    }
  });
}

/**
 * The same writes in one queue, first come first served, that no time is lost
 * on: each takes as long as it took, from its lock to its commit.
 */
export function firstCome(all: readonly (readonly Write[])[]): Write[][] {
  const queue = all.flatMap((writes, process) =>
    writes.map((write) => ({ ...write, process }))
  ).sort((a, b) => a.at - b.at);
  const served: Write[][] = all.map(() => []);
  let free = 0;
  for (const { at, got, end, process } of queue) {
    const begin = Math.max(at, free);
    free = begin + end - got;
    served[process]?.push({ at, got: begin, end: free });
  }
  return served;
}
