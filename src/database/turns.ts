/**
 * How a write or a statement waits for its turn.
 *
 * SQLite's own backoff (1, 2, 5 … 100 ms) starves the unlucky. Asking once a
 * millisecond is fair, but new ones pass old ones: so who has waited for longer
 * than usual asks more often (scripts/bench/waiting.ts).
 */

import type { Connection, Prepared } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/result_codes.ts";
import { attempt } from "../os/builtin.ts";
import { now } from "../os/clock.ts";
import { type Waiting, waitSync } from "../os/waiting.ts";
import type { Settings } from "../settings.ts";
import { ownWriter, writersOf } from "./busy_error.ts";

// With 2, the p99 of writes at a load of 40 % is a twentieth more; with those that
// write all the time the turns are more even (scripts/bench/saturated.ts).
const TURN_MS = 4;
// Whoever pauses for longer lets SQLite ask three times in 2 ms: an error costs
// ten times what a try in there does, and eight that wait took a core.
const LONG_MS = 0.3;
// A wait that is told; who has the lock is asked then, and after ten times that.
const FELT_MS = 50;

/**
 * How long to sleep before it is asked again. Where waits are short, nearly all
 * of a wait is the time until somebody asks; where they are long, all ask
 * seldom, as to ask holds up those that write.
 */
function pauseAt(waitedMs: number, usualMs: number): number {
  const usual = Math.max(2, usualMs);
  const pause = Math.min(1, usual / 10) / (1 + (waitedMs / usual) ** 2);
  // Behind a transaction that lasts for seconds, nobody needs to hurry; but who
  // has waited for an hour asked every 3.6 s, and all others passed it.
  return Math.max(0.03, Math.min(20, waitedMs / 1000), pause);
}

/**
 * How one connection waits: by asking again, and not in SQLite. Once others can
 * use the connection, the timeout is up outside of our own tries.
 */
export class Turns {
  readonly #connection: Connection;
  readonly #settings: Settings;
  readonly #path: string;
  /** Whether others can use the connection. */
  isShared: boolean;
  /** How long what runs had to wait, or went on with the event loop, in ms. */
  waitedMs = 0;
  /** For whom, as far as that is known. */
  #writers: number[] = [];
  #begin: Prepared | null = null;
  #commit: Prepared | null = null;
  /** How long waits last of late. */
  #usualMs = 0;
  /** For so many more turns it takes others for waiting. */
  #turns = 0;
  #turnEnds = 0;
  #pauseEnds = 0;

  constructor(connection: Connection, settings: Settings, path: string) {
    this.#connection = connection;
    this.#settings = settings;
    this.#path = path;
    this.isShared = !connection.owned;
    this.#setTimeout(this.#ownMs);
  }

  /** From now on somebody else may use the connection, at any moment. */
  share(): void {
    if (this.isShared) return;
    this.isShared = true;
    this.#setTimeout(this.#ownMs);
  }

  /** The timeout outside of our own tries. */
  get #ownMs(): number {
    return this.isShared ? this.#settings.busyTimeout : 0;
  }

  /** What was closed meanwhile, what is to be run says better. */
  #setTimeout(ms: number): void {
    attempt(() => this.#connection.exec(`PRAGMA busy_timeout=${ms}`), null);
  }

  /** Runs a statement until SQLite is not busy; it waits itself with `isUp`. */
  again<T>(run: () => T, isUp: boolean | "tells" = false): T {
    if (isUp === "tells") return run();
    // In a transaction only SQLite knows whether a wait can help.
    isUp ||= this.isShared && this.#connection.inTransaction();
    if (isUp && ownWriter(this.#path) === null) {
      return this.at(this.#settings.busyTimeout, run);
    }
    try {
      return this.at(0, run);
    } catch (error) {
      if (isUp || !isBusy(error)) throw error;
      if (this.#connection.inTransaction()) return this.again(run, true);
    }
    const result = waitSync(this.wait(run));
    this.tell();
    return result;
  }

  /** Runs it once, with SQLite waiting for so long. */
  at<T>(ms: number, run: () => T): T {
    if (ms === this.#ownMs) return run();
    this.#setTimeout(ms);
    try {
      return run();
    } finally {
      this.#setTimeout(this.#ownMs);
    }
  }

  /**
   * Tries until SQLite is not busy, or the time is up. Throws the last error.
   *
   * @param since When the wait began, by `now()`, where the thread goes on.
   * @param isPatient Whether a try may take a while: what it looked at is old then.
   */
  *wait<T>(run: () => T, since?: number, isPatient = false): Waiting<T> {
    const { busyTimeout, onWait } = this.#settings;
    const start = since ?? now();
    let askAt = onWait ? FELT_MS : Infinity;
    this.#writers = [];
    let patienceMs = 0;
    for (let tries = 1;; tries++) {
      const waitedMs = now() - start;
      let left;
      try {
        const result = this.at(patienceMs, run);
        this.waitedMs = waitedMs;
        if (tries > 1) {
          this.#usualMs += (waitedMs - this.#usualMs) / 8;
          this.#turns = 5;
          this.#turnEnds = now() + TURN_MS;
        }
        return result;
      } catch (error) {
        // By now: behind who was stopped at a recovery, SQLite tries for 10 s.
        left = busyTimeout - (now() - start);
        // A stale snapshot stays stale, and who waits for its own thread waits.
        if (
          left <= 0 || !isBusy(error) ||
          resultCode(error) === SQLITE.BUSY_SNAPSHOT ||
          since === undefined && ownWriter(this.#path) !== null
        ) throw error;
      }
      if (waitedMs >= askAt) {
        this.#writers.push(...writersOf(this.#path));
        askAt *= 10;
      }
      const pause = Math.min(left, pauseAt(waitedMs, this.#usualMs));
      if (isPatient && !this.isShared) patienceMs = pause > LONG_MS ? 2 : 0;
      yield pause;
    }
  }

  /** Tells of a wait that is over, once nobody waits for us. */
  tell(): void {
    const { waitedMs } = this;
    this.waitedMs = 0;
    if (waitedMs < FELT_MS) return;
    const writers = [...new Set(this.#writers)];
    attempt(() => this.#settings.onWait?.(waitedMs, writers), null);
  }

  /** Commits what {@linkcode Turns.begin} began. */
  commit(): void {
    // To tell what changed, as run() does, takes Deno an eighth of a write.
    if (this.isShared) this.#connection.exec("COMMIT");
    else (this.#commit ??= this.#connection.prepare("COMMIT")).get([]);
    if (!this.#turns || now() < this.#turnEnds) return;
    this.#turns--;
    this.#pauseEnds = now() + 0.5 + Math.random() / 2;
    this.#turnEnds = this.#pauseEnds + TURN_MS;
  }

  /**
   * Who has just committed asks again before all who wait. So whoever had to
   * wait, and knows by that of others, pauses after a turn.
   */
  pauseForOthers(): number {
    return this.#turns && this.#pauseEnds - now();
  }

  /** BEGIN IMMEDIATE, once and without any wait. */
  begin(): void {
    const sql = "BEGIN IMMEDIATE";
    // exec() of Deno does not tell a stale snapshot apart.
    if (this.isShared) this.at(0, () => this.#connection.value(sql));
    else (this.#begin ??= this.#connection.prepare(sql)).get([]);
  }
}
