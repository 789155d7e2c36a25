/**
 * What a storm is, and what it is given to work with.
 *
 * @module
 */

import type { Runtime } from "../runtimes/runtimes.ts";
import type { Random } from "./seed.ts";

/** What is counted over all storms, as the report names it. */
export const COUNTS = [
  "kills",
  "acquisitions",
  "commits",
  "faults",
  "double holders",
  "lost commits",
] as const;
export type Count = typeof COUNTS[number];

/** One episode of a storm: what it may use, and whom it tells. */
export interface Stage {
  /** Empty at the start; kept when the episode fails. */
  readonly folder: string;
  readonly runtimes: readonly Runtime[];
  readonly random: Random;
  /** By `performance.now()`: the storm comes to its end then. */
  readonly deadline: number;
  /** Whether the whole storm takes less than a minute. */
  readonly brief: boolean;
  count(what: Count, by?: number): void;
  /** One more of such an outcome, for the report. */
  outcome(text: string, by?: number): void;
  /** There is nothing left to try: the storm is over before its time. */
  finish(): void;
  /** A breach of a promise: one sentence with the evidence in it. */
  fail(sentence: string): void;
  /** Whether a breach was seen in this episode. */
  readonly failed: boolean;
  /** Whether Ctrl-C was pressed. */
  readonly stopped: boolean;
}

/** One way to make the processes suffer. */
export interface Storm {
  readonly name: string;
  /** For `--help` and the report: what it does, in one line. */
  readonly about: string;
  /** Its part of the time, beside those of the others. */
  readonly share: number;
  /** How long one episode takes at most, in seconds. */
  readonly episode: number;
  /** Why it cannot be played here, or `false`. */
  missing(): string | false;
  play(stage: Stage): Promise<void>;
}
