/**
 * How a write waits for its turn.
 *
 * SQLite's own backoff (1, 2, 5 … 100 ms) starves the unlucky, and backoff
 * with jitter is worse at the tail. Asking once a millisecond is fair: with 8
 * processes and 2 ms transactions the longest wait falls to a tenth, at equal
 * throughput (scripts/bench/waiting.ts).
 *
 * @module
 */

import type { Connection, Prepared } from "./driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "./driver/failure.ts";
import { facts } from "./os/look.ts";
import { holdersOf, kernelLocks } from "./os/kernel_locks.ts";
import { now, sleepSync, type Waiting } from "./os/waiting.ts";

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
 * How one connection waits: as long as `busyTimeout` for everybody's plain
 * statements, and a millisecond at a time while a write waits for its turn.
 *
 * Setting the timeout down and up again costs a write of one row a tenth of
 * its time. So where nobody but our handle can use the connection it stays
 * down after a write, until the handle needs it for something else.
 */
export class Patience {
  readonly #connection: Connection;
  readonly #busyTimeout: number;
  readonly #texts: { first: string; again: string };
  /** Whether others may use the connection, so that it must not stay down. */
  #shared: boolean;
  #wroteBefore = false;
  #begin: Prepared | null = null;
  #commit: Prepared | null = null;
  /** Whether the connection's timeout is down now. */
  isShort = false;
  /** When writes in a row began that others wait for; `null` if nobody may. */
  #turnSince: number | null = null;
  #committedAt = 0;

  /**
   * @param busyTimeout In milliseconds; the deadline of a write as well.
   * @param before The one of the connection that this one replaces.
   */
  constructor(
    connection: Connection,
    busyTimeout: number,
    before?: Patience,
  ) {
    this.#connection = connection;
    this.#busyTimeout = busyTimeout;
    this.#shared = !connection.owned ||
      (before !== undefined && before.#shared);
    // SQLite sleeps 1 ms and tries once more before it says BUSY.
    const again = `BEGIN IMMEDIATE;PRAGMA busy_timeout=${busyTimeout}`;
    const first = `PRAGMA busy_timeout=${Math.min(1, busyTimeout)};${again}`;
    this.#texts = { first, again };
  }

  /** From now on somebody else may use the connection, at any moment. */
  share(): void {
    this.#shared = true;
    this.restore();
  }

  /** Brings the timeout back up. */
  restore(): void {
    if (!this.isShort) return;
    this.#connection.exec(`PRAGMA busy_timeout=${this.#busyTimeout}`);
    this.isShort = false;
  }

  /**
   * Begins an immediate transaction; the thread sleeps inside SQLite
   * meanwhile.
   *
   * @param isHopeless Asked once, before it waits.
   * @returns Nothing, or why there is no transaction.
   */
  begin(isHopeless: () => boolean): GaveUp | null {
    let start = 0;
    if (this.#turnSince !== null) this.#giveWay(this.#turnSince);
    for (;;) {
      try {
        this.#tryToBegin(start === 0);
        if (start !== 0) this.#turnSince = now();
        return null;
      } catch (error) {
        const isFirst = start === 0;
        if (isFirst) start = now();
        const waitedMs = now() - start;
        if (
          isWorthWaiting(error) && waitedMs < this.#busyTimeout &&
          !(isFirst && isHopeless())
        ) continue;
        this.isShort = true;
        this.restore();
        if (!isBusy(error)) throw error;
        return { waitedMs, cause: error };
      }
    }
  }

  /** Commits what {@linkcode Patience.begin} began. */
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
  #giveWay(since: number): void {
    const time = now();
    const isOver = time - this.#committedAt > LONG_PAUSE_MS;
    if (!isOver && time - since < TURN_MS) return;
    this.#turnSince = null;
    if (!isOver) sleepSync(1 + Math.random());
  }

  /** Tries once, without any wait. Throws what SQLite says. */
  beginAtOnce(): void {
    this.isShort = true;
    try {
      this.#connection.exec("PRAGMA busy_timeout=0;BEGIN IMMEDIATE");
    } finally {
      // Others may use the connection before it is our turn again.
      this.restore();
    }
  }

  #tryToBegin(first: boolean): void {
    // A hook writes once, and that is over sooner without statements.
    if (this.#shared || this.#busyTimeout === 0 || !this.#wroteBefore) {
      const { first: text, again } = this.#texts;
      this.#connection.exec(first ? text : again);
      this.#wroteBefore = true;
      if (this.#connection.inTransaction()) return;
      // Bun up to 1.4.3 loses the error of any statement but the last: the
      // body would have run without a transaction.
      this.#connection.exec("PRAGMA busy_timeout=1");
      this.#connection.exec("BEGIN IMMEDIATE");
      this.#connection.exec(`PRAGMA busy_timeout=${this.#busyTimeout}`);
      return;
    }
    if (!this.isShort) this.#connection.exec("PRAGMA busy_timeout=1");
    this.isShort = true;
    this.#begin ??= this.#connection.prepare("BEGIN IMMEDIATE");
    this.#commit ??= this.#connection.prepare("COMMIT");
    this.#begin.step();
  }
}

/**
 * Begins an immediate transaction; the event loop goes on meanwhile.
 *
 * @param current How the connection waits; asked for after each pause, in
 * which the connection may have been exchanged or closed.
 */
export function* beginWriteAsync(
  current: () => Patience,
  busyTimeout: number,
): Waiting<GaveUp | null> {
  const start = now();
  for (;;) {
    const patience = current();
    try {
      patience.beginAtOnce();
      return null;
    } catch (error) {
      if (!isBusy(error)) throw error;
      const waitedMs = now() - start;
      if (!isWorthWaiting(error) || waitedMs >= busyTimeout) {
        return { waitedMs, cause: error };
      }
    }
    yield 1;
  }
}

/** Whether waiting can help: a stale snapshot stays stale. */
function isWorthWaiting(error: unknown): boolean {
  return isBusy(error) && resultCode(error) !== SQLITE.BUSY_SNAPSHOT;
}

// WAL_WRITE_LOCK and WAL_RECOVER_LOCK, https://sqlite.org/walformat.html#wal_locks;
// RESERVED_BYTE and SHARED_FIRST, https://sqlite.org/lockingv3.html.
const WAL_WRITE_LOCK = 120;
const WAL_RECOVER_LOCK = 122;
const RESERVED_BYTE = 0x40000001;
const SHARED_BYTE = 0x40000002;

/**
 * PIDs that hold the write lock at this moment; empty where nobody does or the
 * kernel does not tell. An exclusive lock counts, and so does a recovery: both
 * keep writers out.
 */
export function writersOf(path: string): number[] {
  const found = [
    ...writersAt(`${path}-shm`, [WAL_WRITE_LOCK, WAL_RECOVER_LOCK]),
    ...writersAt(path, [RESERVED_BYTE, SHARED_BYTE]),
  ];
  return [...new Set(found)];
}

function writersAt(path: string, bytes: number[]): number[] {
  const file = facts(path);
  const locks = file === null ? null : kernelLocks(file);
  return bytes.flatMap((byte) => holdersOf(locks ?? [], byte, true));
}
