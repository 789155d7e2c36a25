/**
 * Keeps the WAL file of one handle at its limit, and names who is in the way.
 *
 * `journal_size_limit` caps the file only after a reset, which overlapping
 * readers never allow: a checkpoint has to wait them out, and holds up writers
 * meanwhile. Past the limit, after commits and at heartbeats:
 *
 * 1. A passive checkpoint moves what it can and makes nobody wait. Where it
 *    stops at the same frame as the last time, to wait would be in vain: with a
 *    reader that never ends, many processes would hold up the writers in turn.
 * 2. Otherwise one short attempt to empty the file. Several beat a long one:
 *    SQLite waits for the read mark that was old when it looked, and readers
 *    keep that very mark in use; the next attempt looks anew. One a commit: in
 *    a row they made the longest write 93 ms, not 43 (scripts/bench/wal.ts).
 * 3. Then it rests for nine times as long: a tenth of the time at most. A
 *    writer at full speed fills the file again meanwhile, so there is no rest
 *    far past the limit, until as many attempts as there are were in vain.
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
import {
  ATTEMPTS_MS,
  passive,
  type Progress,
  truncate,
  walBytes,
} from "../wal/checkpoint.ts";
import { type MarkHolder, markHolders, pidsOf } from "../wal/readers.ts";
import type { LossWatch } from "./loss_watch.ts";
import type { Session } from "./session.ts";

const REST = 9;
const FAR = 2.5;
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 100;

/** Where checkpoints stop, at -1 for a read of our own; who is seen there. */
type Stuck = {
  frame: number;
  looks: number;
  at: number;
  holders: MarkHolder[] | null;
};

/** Takes part in the writes of a handle that may make checkpoints. */
export class WalUpkeep implements Attachment {
  readonly #session: Session;
  readonly #watch: LossWatch;
  readonly #settings: Settings;
  /** Attempts in vain since the last one that was not. */
  #failed = 0;
  #restUntil = 0;
  #stuck: Stuck | null = null;

  constructor(session: Session, watch: LossWatch, settings: Settings) {
    this.#session = session;
    this.#watch = watch;
    this.#settings = settings;
  }

  afterWrite(): void {
    const bytes = this.#watch.takeWalBytes() ?? 0;
    const limit = this.#settings.journalSizeLimit;
    if (bytes <= limit) return;
    const { stopped, isIdle } = this.#session;
    if (stopped !== null || !isIdle) return;
    const isUrgent = bytes > FAR * limit && this.#failed < ATTEMPTS_MS.length;
    if (isUrgent || now() >= this.#restUntil) this.#keep();
  }

  /** Rested or not, for at most a tenth of the heartbeat. */
  beat(): void {
    this.#keep(Number(this.#settings.heartbeat) / (REST + 1));
  }

  checkpointed(): void {
    this.#failed = 0;
    this.#stuck = null;
  }

  #keep(mostMs = Infinity): void {
    const { connection, path } = this.#session;
    const size = walBytes(path);
    if (size <= this.#settings.journalSizeLimit) return this.checkpointed();
    const start = now();
    // What is lost must not be moved into the database, over newer pages.
    this.#watch.look();
    let seen = passive(connection);
    if (seen.done || seen.checkpointed !== this.#stuck?.frame) {
      const patience = ATTEMPTS_MS[this.#failed % ATTEMPTS_MS.length] ?? 0;
      this.#watch.look();
      seen = truncate(connection, Math.min(patience, mostMs));
      if (patience <= mostMs) this.#failed++;
    }
    const restMs = Math.max(REST * (now() - start), BETWEEN_LOOKS_MS);
    this.#restUntil = now() + restMs;
    if (seen.done) this.checkpointed();
    // Somebody else's checkpoint is as good as ours.
    else if (seen.log !== -1 || seen.ownRead) this.#suspect(seen, size);
  }

  #suspect(
    { log, checkpointed: frame, ownRead }: Progress,
    size: number,
  ): void {
    const last = this.#stuck?.frame === frame ? this.#stuck : null;
    const at = now();
    if (last !== null && at - last.at < BETWEEN_LOOKS_MS) return;
    this.#stuck = null;
    if (frame === log && !ownRead) return;
    const { path } = this.#session;
    const looks = (last?.looks ?? 0) + 1;
    const before = looks % LOOKS === 1 ? undefined : last?.holders;
    const holders = markHolders(path, false, before);
    this.#stuck = { frame, looks, at, holders };
    if (looks > 1) this.#failed = ATTEMPTS_MS.length;
    // With nobody listed, it may be readers that follow each other.
    const isProved = holders === null ? !ownRead : holders.length > 0;
    if (looks % LOOKS !== 0 || !isProved || !isFirst(`wal ${path}`)) return;
    const names = pidsOf(holders)?.map((pid) => nameOf(path, pid)) ?? null;
    const text = pinnedText(path, size, names);
    warn(text, "LITELATCH_WAL_PINNED", this.#settings.onWarning);
  }
}
