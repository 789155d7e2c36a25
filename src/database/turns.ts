/**
 * How a write or a statement waits for its turn.
 *
 * SQLite's own backoff (1, 2, 5 … 100 ms) starves the unlucky, and backoff
 * with jitter is worse at the tail. Asking once a millisecond is fair, but new
 * ones pass old ones: so who has waited for longer than usual asks more often
 * (scripts/bench/waiting.ts).
 */

import type { Connection, Prepared } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/result_codes.ts";
import { now, Stopwatch } from "../os/clock.ts";
import { type Waiting, waitSync } from "../os/waiting.ts";

// Eight writers of 2 ms each waited 87 ms at most, and 135 with turns of 5 ms;
// those of one row got 8 % less done (scripts/bench/saturated.ts).
const TURN_MS = 1;

/** How long to sleep before it is asked again. */
export function pauseAt(waitedMs: number, usualMs = 0): number {
  const age = waitedMs / Math.max(2, usualMs);
  // Behind a transaction that lasts for seconds, nobody needs to hurry.
  return Math.max(0.1, waitedMs / 5000, 1 / (1 + age * age));
}

/** What SQLite said when the deadline had passed. */
export interface GaveUp {
  waitedMs: number;
  cause: unknown;
}

/**
 * How one connection waits: by asking again, and not in SQLite. Once others can
 * use the connection, the timeout is up outside of our own tries.
 */
export class Turns {
  readonly #connection: Connection;
  readonly #busyTimeout: number;
  /** Whether others can use the connection. */
  isShared: boolean;
  #begin: Prepared | null = null;
  #commit: Prepared | null = null;
  #writes = 0;
  /** How long waits last of late. */
  #usualMs = 0;
  /** When writes in a row began that others wait for; `null` if nobody may. */
  #turnSince: number | null = null;
  #committedAt = 0;

  constructor(connection: Connection, busyTimeout: number, isShared: boolean) {
    this.#connection = connection;
    this.#busyTimeout = busyTimeout;
    this.isShared = isShared;
    this.#setTimeout(isShared);
  }

  /** From now on somebody else may use the connection, at any moment. */
  share(): void {
    if (!this.isShared) this.#setTimeout(true);
    this.isShared = true;
  }

  #setTimeout(isUp: boolean): void {
    const ms = isUp ? this.#busyTimeout : 0;
    this.#connection.exec(`PRAGMA busy_timeout=${ms}`);
  }

  /**
   * Runs a statement, and again if SQLite was busy: then it did nothing.
   *
   * @param isHopeless Whether to wait cannot help.
   */
  again<T>(run: () => T, isUp = false, isHopeless = (): boolean => false): T {
    if (isUp) return this.#at(true, run);
    try {
      return this.#at(false, run);
    } catch (cause) {
      if (isHopeless()) throw cause;
      let result: T | undefined;
      const attempt = () => void (result = this.#at(false, run));
      const gaveUp = waitSync(this.retry(attempt, { waitedMs: 0, cause }));
      if (gaveUp !== null) throw gaveUp.cause;
      return result as T;
    }
  }

  /** Up for several statements: the first must not be done again. */
  #at<T>(isUp: boolean, run: () => T): T {
    if (isUp === this.isShared) return run();
    // In a transaction of somebody else's SQLite has to wait.
    if (!isUp && this.#connection.inTransaction()) return run();
    this.#setTimeout(isUp);
    try {
      return run();
    } finally {
      this.#setTimeout(this.isShared);
    }
  }

  /** Tries once to begin; says why there is no transaction. */
  begin(attempt: () => void): GaveUp | null {
    try {
      attempt();
      return null;
    } catch (cause) {
      if (!isBusy(cause)) throw cause;
      return { waitedMs: 0, cause };
    }
  }

  /** Tries again and again, where that can help. */
  *retry(
    attempt: () => void,
    gaveUp: GaveUp,
    watch = new Stopwatch(),
  ): Waiting<GaveUp | null> {
    let isLast = false;
    while (!isLast && this.#isWorthWaiting(gaveUp.cause)) {
      const left = this.#busyTimeout - watch.elapsed;
      isLast = left <= 0;
      const pause = Math.min(pauseAt(watch.elapsed, this.#usualMs), left);
      if (!isLast) yield pause;
      watch.add(pause);
      const next = this.begin(attempt);
      if (next === null) {
        this.#usualMs += (watch.elapsed - this.#usualMs) / 8;
        this.#turnSince = now();
        return null;
      }
      gaveUp = { ...next, waitedMs: watch.elapsed };
    }
    return gaveUp;
  }

  /** Commits what {@linkcode Turns.begin} began. */
  commit(): void {
    if (this.#commit !== null) this.#commit.step();
    else this.#connection.exec("COMMIT");
    if (this.#turnSince !== null) this.#committedAt = now();
  }

  /**
   * Lets others have a turn. Who has just committed asks again before all who
   * wait. So whoever had to wait, and knows by that of others, pauses for them
   * when it has written for long enough.
   */
  pauseForOthers(): number {
    if (this.#turnSince === null) return 0;
    const time = now();
    // They have had it if the caller paused itself.
    const isOver = time - this.#committedAt > 1;
    if (!isOver && time - this.#turnSince < TURN_MS) return 0;
    this.#turnSince = null;
    return isOver ? 0 : 0.5 + Math.random() / 2;
  }

  /** BEGIN IMMEDIATE. */
  tryToBegin(): void {
    if (this.isShared || this.#writes++ === 0) {
      // A hook writes once, and that is over sooner without statements.
      this.#at(false, () => {
        try {
          this.#connection.exec("BEGIN IMMEDIATE");
        } catch (error) {
          // exec() of Deno does not tell a stale snapshot apart.
          const isBusy = resultCode(error) === SQLITE.BUSY;
          if (!this.isShared || !isBusy) throw error;
          this.#connection.value("BEGIN IMMEDIATE");
        }
      });
    } else {
      this.#commit ??= this.#connection.prepare("COMMIT");
      this.#begin ??= this.#connection.prepare("BEGIN IMMEDIATE");
      this.#begin.step();
    }
  }

  /** A stale snapshot stays stale. */
  #isWorthWaiting(error: unknown): boolean {
    return isBusy(error) && resultCode(error) !== SQLITE.BUSY_SNAPSHOT &&
      !this.#connection.inTransaction();
  }
}
