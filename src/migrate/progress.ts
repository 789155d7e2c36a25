/** What is told while steps run. @module */

/** How far a migration has come. */
export interface MigrateProgress {
  /**
   * `"waits"`: others write, such as a process that runs the steps already;
   * `"begins"`: this process runs the step, in its transaction; `"done"`: the
   * step is committed.
   */
  state: "waits" | "begins" | "done";
  /** Which step, from 1: the version that it leads to. */
  step: number;
  /** How many there are. */
  steps: number;
  /** How long was waited, or how long the step took, in milliseconds. */
  ms: number;
  /** PIDs that write, where that is known; empty unless it `"waits"`. */
  writers: number[];
}
