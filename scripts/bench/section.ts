/**
 * What every part of the benchmark is made of.
 *
 * @module
 */

import type { Runtime } from "../runtimes/runtimes.ts";

/** What a section measures on, and how it says how far it is. */
export interface Bench {
  readonly runtimes: readonly Runtime[];
  /** 1 is the usual length; 0.1 tries whether everything runs. */
  readonly scale: number;
  progress(text: string): void;
}

/** One line of the table at the end. */
export interface Row {
  readonly cells: readonly string[];
  /** Whether the target is reached; `null` for a line that has none. */
  readonly reached: boolean | null;
}

/** What a section found. */
export interface Report {
  readonly head: readonly string[];
  readonly rows: readonly Row[];
  /** The same as a picture: the text of an SVG file. */
  readonly plot: string;
  /** What has to be said about single rows, a sentence each. */
  readonly notes?: readonly string[];
  /** What else was measured than the runtimes: `"lockfile 1.0.4"`. */
  readonly versions?: readonly string[];
}

/** One figure that is to be reached. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** What is compared with what, and how. */
  readonly method: string;
  readonly target: string;
  /** About how long it takes at scale 1, on two cores. */
  readonly seconds: number;
  run(bench: Bench): Promise<Report>;
}

/** How many rounds make a run of this scale. */
export function roundsOf(usual: number, scale: number, least = 2): number {
  return Math.max(least, Math.round(usual * scale));
}
