/**
 * How a write waits for its turn: asynchronously or not, one policy.
 *
 * SQLite's own backoff (1, 2, 5 … 100 ms) starves the unlucky, and backoff
 * with jitter is worse at the tail. Asking once a millisecond is fair: with 8
 * processes and 2 ms transactions the longest wait falls to a tenth, at equal
 * throughput (scripts/bench/waiting.ts).
 */

import type { Connection, Prepared } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/result_codes.ts";
import { now, Stopwatch } from "../os/clock.ts";
import { type Waiting, waitSync } from "../os/waiting.ts";

const PAUSE_MS = 1;
// With 8 processes and 2 ms transactions, turns of 5 ms halve the p99 of the
// waits, from 291 to 150 ms, and bring the longest from 644 to 373, for a
// fiftieth of the throughput (scripts/bench/saturated.ts).
const TURN_MS = 5;
// Others have had their turn in a pause as long as this.
const LONG_PAUSE_MS = 1;

/** What SQLite said when the deadline had passed. */
export interface GaveUp {
  waitedMs: number;
  cause: unknown;
}

/**
 * How one connection waits. As long as nobody but our handle can use it, SQLite
 * itself waits for nothing, and each statement that was refused is asked again
 * from here. Once others can, the timeout is up outside of our own tries.
 */
export class Turns {
  readonly #connection: Connection;
  readonly #busyTimeout: number;
  #isShared: boolean;
  #begin: Prepared | null = null;
  #commit: Prepared | null = null;
  #writes = 0;
  /** When writes in a row began that others wait for; `null` if nobody may. */
  #turnSince: number | null = null;
  #committedAt = 0;

  /** @param busyTimeout In milliseconds; the deadline of a write as well. */
  constructor(connection: Connection, busyTimeout: number, isShared: boolean) {
    this.#connection = connection;
    this.#busyTimeout = busyTimeout;
    this.#isShared = isShared;
    this.#setTimeout(isShared);
  }

  /** Whether others can use the connection. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** From now on somebody else may use the connection, at any moment. */
  share(): void {
    if (!this.#isShared) this.#setTimeout(true);
    this.#isShared = true;
  }

  #setTimeout(isUp: boolean): void {
    const timeout = isUp ? this.#busyTimeout : 0;
    this.#connection.exec(`PRAGMA busy_timeout=${timeout}`);
  }

  /**
   * Runs a statement, and again if SQLite was busy: then it did nothing.
   *
   * @param isHopeless Whether to wait cannot help.
   */
  again<T>(run: () => T, isHopeless = (): boolean => false): T {
    try {
      return run();
    } catch (error) {
      const mayWait = !this.#isShared && this.#isWorthWaiting(error);
      if (!mayWait || isHopeless()) throw error;
    }
    let result: T | undefined;
    const gaveUp = waitSync(this.#retry(() => void (result = run())));
    if (gaveUp !== null) throw gaveUp.cause;
    return result as T;
  }

  /** Runs several statements: what the first one did must not be done again. */
  once<T>(run: () => T): T {
    if (this.#isShared) return run();
    this.#setTimeout(true);
    try {
      return run();
    } finally {
      this.#setTimeout(false);
    }
  }

  /**
   * Tries once to begin an immediate transaction, without any wait.
   *
   * @returns Nothing, or why there is none.
   */
  begin(attempt: () => void): GaveUp | null {
    try {
      attempt();
      return null;
    } catch (cause) {
      if (!isBusy(cause)) throw cause;
      return { waitedMs: 0, cause };
    }
  }

  /** Tries again and again; where that can help. */
  *beginLater(attempt: () => void, first: GaveUp): Waiting<GaveUp | null> {
    if (!this.#isWorthWaiting(first.cause)) return first;
    const gaveUp = yield* this.#retry(attempt);
    if (gaveUp === null) this.#turnSince = now();
    return gaveUp;
  }

  *#retry(run: () => void): Waiting<GaveUp | null> {
    const watch = new Stopwatch();
    for (;;) {
      const isLast = watch.elapsed >= this.#busyTimeout;
      if (!isLast) yield PAUSE_MS;
      watch.add(PAUSE_MS);
      try {
        run();
        return null;
      } catch (cause) {
        if (!isBusy(cause)) throw cause;
        if (isLast || !this.#isWorthWaiting(cause)) {
          return { waitedMs: watch.elapsed, cause };
        }
      }
    }
  }

  /** Commits what {@linkcode Turns.begin} began. */
  commit(): void {
    if (this.#commit !== null) this.#commit.step();
    else this.#connection.exec("COMMIT");
    if (this.#turnSince !== null) this.#committedAt = now();
  }

  /**
   * Lets others have a turn. Who has just committed asks again before those
   * that ask once a millisecond; so whoever had to wait for its turn, and knows
   * by that of others, pauses for one when it has written for long enough.
   */
  pauseForOthers(): number {
    if (this.#turnSince === null) return 0;
    const time = now();
    const isOver = time - this.#committedAt > LONG_PAUSE_MS;
    if (!isOver && time - this.#turnSince < TURN_MS) return 0;
    this.#turnSince = null;
    return isOver ? 0 : PAUSE_MS + Math.random();
  }

  /** BEGIN IMMEDIATE. */
  tryToBegin(): void {
    if (this.#isShared) {
      try {
        this.#connection.exec("PRAGMA busy_timeout=0;BEGIN IMMEDIATE");
      } catch (error) {
        // exec() of Deno does not tell a stale snapshot apart.
        if (resultCode(error) !== SQLITE.BUSY) throw error;
        this.#connection.value("BEGIN IMMEDIATE");
      } finally {
        this.#setTimeout(true);
      }
    } else if (this.#writes++ === 0) {
      // A hook writes once, and that is over sooner without statements.
      this.#connection.exec("BEGIN IMMEDIATE");
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
