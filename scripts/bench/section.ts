/**
 * What every part of the benchmark is made of.
 *
 * @module
 */

import type { Runtime } from "../runtimes.ts";

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
}

/** One figure that is to be reached. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** What is compared with what, and how. */
  readonly method: string;
  readonly target: string;
  run(bench: Bench): Promise<Report>;
}
