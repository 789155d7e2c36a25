/**
 * What the demo and its processes say to each other, a line of JSON each.
 *
 * @module
 */

/** From the demo: begin a round at this instant, on the clock of `Date`. */
export interface Go {
  readonly round: number;
  readonly at: number;
}

/** From a process: what became of its transactions in one round. */
export interface RoundReport {
  readonly round: number;
  /** The marks of the commits that SQLite acknowledged. */
  readonly acknowledged: string[];
  /** From the first BEGIN to the end of each transaction, in milliseconds. */
  readonly waits: number[];
  /** How often SQLite said BUSY to the program. */
  readonly refusals: number;
  /** How many of them were SQLITE_BUSY_SNAPSHOT. */
  readonly stale: number;
}

/** What one transaction came to. */
export interface Attempt {
  readonly acknowledged: boolean;
  readonly refusals: number;
  readonly stale: number;
}

/** From a process: it is connected and waits for the first round. */
export interface Ready {
  /** What litelatch warned of while it opened the database. */
  readonly warnings: string[];
}
