/**
 * Keeps the WAL file at its limit: when to checkpoint, for how long to wait,
 * and when to rest.
 *
 * `journal_size_limit` caps the file only after a reset, which overlapping
 * readers never allow; so a checkpoint has to wait them out. Several short
 * attempts beat one long one: SQLite waits for the read mark that was old when
 * it looked, and readers meanwhile keep that very mark in use for ever; the
 * next attempt looks anew (scripts/bench/wal.ts).
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { now } from "../os/clock.ts";
import {
  ATTEMPTS_MS,
  isPinned,
  passive,
  type Progress,
  truncate,
  walBytes,
} from "./checkpoint.ts";
import { lastingHolders, type MarkHolder } from "./readers.ts";

// Rest nine times what the attempts took: a tenth of the time at most.
const REST = 9;
// At so many times the limit there is no rest, unless a whole round of attempts
// was in vain.
const URGENT = 2.5;
// What a writer may have to wait for attempts that follow each other. With a
// commit in between, the readers that began during one attempt keep back what
// the next one wants to move.
const IN_A_ROW_MS = 120;
// Blocked so often in a row, and it is worth a warning.
const BLOCKED_TIMES = 3;

/** What a reader that never ends does to the WAL. */
export interface Blocked {
  walBytes: number;
  /** PIDs that held one read mark all the time; `null` if it cannot be told. */
  pids: number[] | null;
}

/** Watches over the WAL of one connection. */
export class WalKeeper {
  readonly #path: string;
  readonly #limit: number;
  readonly #look: () => void;
  readonly #onBlocked: (blocked: Blocked) => void;
  #restUntil = 0;
  #attempt = 0;
  #spentMs = 0;
  // Whether a round of attempts was in vain; a beat makes one attempt only.
  #inVain = false;
  // How often it was blocked, one time after the other; who held which mark in
  // all of them; how far checkpoints had come.
  #blockedTimes = 0;
  #suspects: MarkHolder[] | null = null;
  #checkpointed = -1;

  /**
   * @param limit In bytes.
   * @param look Called right before each checkpoint; throws if there must be
   * none.
   * @param onBlocked Called when it has been blocked for long.
   */
  constructor(
    path: string,
    limit: number,
    look: () => void,
    onBlocked: (blocked: Blocked) => void,
  ) {
    this.#path = path;
    this.#limit = limit;
    this.#look = look;
    this.#onBlocked = onBlocked;
  }

  /** After a commit, with the WAL at `bytes`: some attempts, if need be. */
  afterCommit(connection: Connection, bytes: number): void {
    // A writer at full speed fills the file again before the rest is over.
    // While checkpoints succeed, the file's size counts for more.
    const urgent = bytes > URGENT * this.#limit && !this.#inVain;
    if (urgent || now() >= this.#restUntil) this.#keep(connection);
  }

  /** At a heartbeat: the same, rested or not, for at most a tenth of it. */
  beat(connection: Connection, heartbeatMs: number): void {
    if (now() < this.#restUntil && heartbeatMs < REST * 20) return;
    if (!connection.inTransaction()) {
      this.#keep(connection, heartbeatMs / (REST + 1));
    } else if (walBytes(this.#path) > this.#limit) this.#blocked(0);
  }

  /** Takes up the work again after a checkpoint that somebody asked for. */
  reset(): void {
    this.#attempt = 0;
    this.#spentMs = 0;
    this.#inVain = false;
    this.#blockedTimes = 0;
    this.#suspects = null;
    this.#checkpointed = -1;
  }

  #keep(connection: Connection, mostMs = Infinity): void {
    if (walBytes(this.#path) <= this.#limit) return this.reset();
    // Never inside somebody's transaction.
    if (connection.inTransaction()) return;
    if (this.#blockedTimes > 0 && this.#isStuck(connection)) {
      this.#inVain = true;
      return this.#blocked(0);
    }
    const start = now();
    do {
      if (!this.#attemptOnce(connection, mostMs)) return;
    } while (now() - start + this.#patience <= IN_A_ROW_MS);
  }

  get #patience(): number {
    return ATTEMPTS_MS[this.#attempt] ?? 0;
  }

  /** Whether another attempt may follow. */
  #attemptOnce(connection: Connection, mostMs: number): boolean {
    this.#look();
    const beating = mostMs !== Infinity;
    const start = now();
    const progress = truncate(connection, Math.min(this.#patience, mostMs));
    const { done, log, ownRead } = progress;
    this.#spentMs += now() - start;
    if (done) {
      this.#restUntil = now() + REST * this.#spentMs;
      this.reset();
      return false;
    }
    // A loop over rows of ours: whether it ends, the beats will tell.
    if (ownRead && beating) this.#blocked(0);
    // Or somebody else's checkpoint is under way: it is as good as ours.
    if (ownRead || log === -1) return false;
    this.#attempt++;
    const isLast = this.#attempt === ATTEMPTS_MS.length;
    if (isLast) this.#inVain = true;
    if (isLast || beating) this.#giveUp(progress);
    return !isLast && !beating;
  }

  /**
   * Whether a reader that blocked the last round still keeps the same frames
   * back. Asked with a passive checkpoint, which makes nobody wait: with a
   * reader that never ends, many processes would otherwise hold up the writers
   * in turn.
   */
  #isStuck(connection: Connection): boolean {
    this.#look();
    const { done, log, checkpointed } = passive(connection);
    if (log === -1) return false;
    const stuck = !done && checkpointed === this.#checkpointed;
    this.#checkpointed = checkpointed;
    return stuck;
  }

  /** A writer in a long transaction is in the way too, and is no reader. */
  #giveUp(progress: Progress): void {
    if (isPinned(progress)) return this.#blocked(this.#spentMs);
    this.#restUntil = now() + REST * this.#spentMs;
    this.#attempt = 0;
    this.#spentMs = 0;
  }

  #blocked(spentMs: number): void {
    this.#attempt = 0;
    this.#spentMs = 0;
    this.#restUntil = now() + Math.max(REST * spentMs, 100);
    this.#suspects = lastingHolders(
      this.#path,
      this.#blockedTimes === 0 ? undefined : this.#suspects,
    );
    this.#blockedTimes++;
    if (this.#blockedTimes !== BLOCKED_TIMES) return;
    const pids = this.#suspects?.map((holder) => holder.pid) ?? null;
    this.#onBlocked({
      walBytes: walBytes(this.#path),
      pids: pids === null ? null : [...new Set(pids)],
    });
  }
}
