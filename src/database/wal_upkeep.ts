/**
 * Keeps the WAL file of one handle at its limit, and names who is in the way.
 *
 * `journal_size_limit` caps the file only after a reset, which overlapping
 * readers never allow: a checkpoint has to wait them out, and holds up writers
 * meanwhile. Past the limit, after commits and at heartbeats:
 *
 * 1. One short attempt to empty the file after each commit. Several beat a long
 *    one: SQLite waits for the read mark that was old when it looked, and
 *    readers keep that very mark in use; the next attempt looks anew.
 * 2. Where frames were kept back, a passive checkpoint comes first, which makes
 *    nobody wait. If it stops at the same frame, to wait would be in vain: with
 *    a reader that never ends, many processes would hold up the writers in
 *    turn.
 * 3. Then it rests for nine times as long: a tenth of the time at most. A
 *    writer at full speed fills the file again meanwhile, so there is no rest
 *    far past the limit, unless a whole round of attempts was in vain.
 * 4. Who held one read mark in several looks, with the same frames kept back
 *    all the time, is named. That a checkpoint did not finish is no proof: a
 *    writer in a long transaction was named for it.
 *
 * @module
 */

import { nameOf } from "../lock/holders.ts";
import { pinnedText } from "../loss/messages.ts";
import type { Attachment } from "../options.ts";
import { now } from "../os/clock.ts";
import { warn } from "../os/process.ts";
import { isFirst } from "../os/shared_state.ts";
import type { Settings } from "../settings.ts";
import * as wal from "../wal/checkpoint.ts";
import { type Lookout, lookout } from "../wal/readers.ts";
import type { LossWatch } from "./loss_watch.ts";
import type { Session } from "./session.ts";

const REST = 9;
const FAR = 2.5;
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 100;
const ROUND = wal.ATTEMPTS_MS.length;

/** Takes part in the writes of a handle that may make checkpoints. */
export class WalUpkeep implements Attachment {
  readonly #session: Session;
  readonly #watch: LossWatch;
  readonly #settings: Settings;
  #failed = 0;
  #restUntil = 0;
  // The frame where checkpoints stop, -1 for a read of our own; how often and
  // when it was looked at.
  #frame: number | null = null;
  #looks = 0;
  #lookedAt = 0;
  #look: Lookout;

  constructor(session: Session, watch: LossWatch, settings: Settings) {
    this.#session = session;
    this.#watch = watch;
    this.#settings = settings;
    this.#look = lookout(session.path, false);
  }

  afterWrite(): void {
    const bytes = this.#watch.takeWalBytes() ?? 0;
    const limit = this.#settings.journalSizeLimit;
    const session = this.#session;
    if (bytes <= limit || session.stopped !== null || !session.isIdle) return;
    const isUrgent = bytes > FAR * limit && this.#failed < ROUND;
    if (isUrgent || now() >= this.#restUntil) this.#keep();
  }

  /** Rested or not, for at most a tenth of the heartbeat. */
  beat(): void {
    this.#keep(Number(this.#settings.heartbeat) / (REST + 1));
  }

  checkpointed(): void {
    this.#failed = 0;
    this.#frame = null;
  }

  #keep(mostMs = Infinity): void {
    const { connection, path } = this.#session;
    const size = wal.walBytes(path);
    if (size <= this.#settings.journalSizeLimit) return this.checkpointed();
    const start = now();
    // What is lost must not be moved into the database, over newer pages.
    this.#watch.look();
    let seen = this.#frame === null ? null : wal.checkpoint(connection);
    if (seen === null || seen.done || seen.checkpointed !== this.#frame) {
      const patience = wal.ATTEMPTS_MS[this.#failed % ROUND] ?? 0;
      this.#watch.look();
      seen = wal.truncate(connection, Math.min(patience, mostMs));
      if (patience <= mostMs && seen.log !== -1) this.#failed++;
    }
    const end = now();
    this.#restUntil = end + REST * (end - start);
    if (seen.done) return this.checkpointed();
    // Neither a writer nor somebody else's checkpoint keeps frames back.
    if (seen.checkpointed === seen.log && !seen.ownRead) return;
    if (seen.checkpointed !== this.#frame) this.#looks = 0;
    else if (end - this.#lookedAt < BETWEEN_LOOKS_MS) return;
    this.#frame = seen.checkpointed;
    this.#lookedAt = end;
    if (this.#looks % LOOKS === 0) this.#look = lookout(path, false);
    const pids = this.#look();
    if (++this.#looks > 1) this.#failed = ROUND;
    this.#restUntil = Math.max(this.#restUntil, end + BETWEEN_LOOKS_MS);
    // With nobody listed, it may be readers that follow each other.
    const isProved = pids === null ? !seen.ownRead : pids.length > 0;
    if (this.#looks % LOOKS === 0 && isProved) this.#tell(size, pids);
  }

  #tell(size: number, pids: number[] | null): void {
    const { path } = this.#session;
    if (!isFirst(`wal ${path}`)) return;
    const names = pids?.map((pid) => nameOf(path, pid)) ?? null;
    const text = pinnedText(path, size, names);
    warn(text, "LITELATCH_WAL_PINNED", this.#settings.onWarning);
  }
}
