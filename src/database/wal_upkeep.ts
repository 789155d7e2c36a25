/**
 * Keeps the WAL file of one handle at its limit, and names who is in the way.
 *
 * SQLite's automatic checkpoint comes inside of the COMMIT, where nobody can
 * look for a loss before it: it wrote the pages of a WAL that was deleted over
 * newer ones. So it is off, and the same is done after a commit.
 *
 * `journal_size_limit` caps the file only after a reset, which overlapping
 * readers never allow: a checkpoint has to wait them out, and holds up writers
 * meanwhile. Past the limit, after commits and at heartbeats:
 *
 * 1. One short attempt to empty the file. Several beat a long one: SQLite waits
 *    for the read mark that was old when it looked, and readers keep that very
 *    mark in use; the next attempt looks anew.
 * 2. Where frames were kept back, a passive checkpoint, which makes nobody wait,
 *    comes first. If it stops at the same frame, to wait would be in vain: many
 *    processes would hold up the writers in turn, beside a reader that stays.
 * 3. Then it rests for nine times as long, but not far past the limit, unless a
 *    whole round of attempts was in vain.
 * 4. Who held one read mark in several looks, with the same frames kept back, is
 *    named: a checkpoint that did not finish is no proof.
 */

import { nameOf } from "../lock/holders.ts";
import { pinnedText } from "../loss/messages.ts";
import type { Attachment } from "../options.ts";
import { now } from "../os/clock.ts";
import { warn } from "../os/process.ts";
import { isFirst } from "../os/shared_state.ts";
import * as wal from "../wal/checkpoint.ts";
import { lookout } from "../wal/readers.ts";
import type { LossWatch } from "./loss_watch.ts";
import type { Session } from "./session.ts";

// A frame of the smallest page, and how seldom frames are counted: every 5 ms
// it cost a write a twentieth.
const LEAST_FRAME_BYTES = 536;
const BETWEEN_COUNTS_MS = 20;
const REST = 9;
const FAR = 2.5;
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 100;
const ROUND = wal.ATTEMPTS_MS.length;

/** Takes part in the writes of a handle that may make checkpoints. */
export function walUpkeep(session: Session, watch: LossWatch): Attachment {
  const { settings } = session;
  const { journalSizeLimit: limit, walAutocheckpoint, heartbeat } = settings;
  const most = walAutocheckpoint || Infinity;
  const least = Math.min(limit, most * LEAST_FRAME_BYTES);
  let failed = 0;
  let restUntil = 0;
  // Where checkpoints stop, -1 for a read of our own; looked at how often, when.
  let frame: number | null = null;
  let looks = 0;
  let lookedAt = 0;
  let look = lookout(session.path, false);

  const checkpointed = () => {
    failed = 0;
    frame = null;
  };

  /** In the place of SQLite's automatic one; the file keeps its size. */
  const keepShort = () => {
    const { connection } = session;
    restUntil = now() + BETWEEN_COUNTS_MS;
    // SQLite before 3.51 does not know NOOP, and makes a passive one.
    watch.beforeCheckpoint();
    if (wal.checkpoint(connection, "NOOP").log < most) return;
    wal.checkpoint(connection);
    watch.beforeCheckpoint();
    // What was appended meanwhile, and only if nobody writes just now: until all
    // is moved, the file grows. Eight processes got a sixth less done.
    wal.checkpoint(connection, "FULL");
  };

  const keep = (mostMs: number) => {
    const { connection, path } = session;
    const size = wal.walBytes(path);
    if (size <= limit) {
      checkpointed();
      if (size > least) keepShort();
      return;
    }
    const start = now();
    // What is lost must not be moved into the database, over newer pages.
    watch.beforeCheckpoint();
    let seen = frame === null ? null : wal.checkpoint(connection);
    if (seen === null || seen.done || seen.checkpointed !== frame) {
      const patience = wal.ATTEMPTS_MS[failed % ROUND] ?? 0;
      seen = wal.empty(Math.min(patience, mostMs), () => {
        watch.beforeCheckpoint();
        return connection;
      });
      if (patience <= mostMs && seen.log !== -1) failed++;
    }
    const end = now();
    restUntil = end + REST * (end - start);
    if (seen.done) return checkpointed();
    // Neither a writer nor somebody else's checkpoint keeps frames back.
    if (seen.checkpointed === seen.log && !seen.ownRead) return;
    if (seen.checkpointed !== frame) looks = 0;
    else if (end - lookedAt < BETWEEN_LOOKS_MS) return;
    frame = seen.checkpointed;
    lookedAt = end;
    if (looks % LOOKS === 0) look = lookout(path, false);
    const pids = look();
    if (++looks > 1) failed = ROUND;
    restUntil = Math.max(restUntil, end + BETWEEN_LOOKS_MS);
    // With nobody listed, it may be readers that follow each other.
    const isProved = pids === null ? !seen.ownRead : pids.length > 0;
    if (looks % LOOKS !== 0 || !isProved || !isFirst(`wal ${path}`)) return;
    const names = pids?.map((pid) => nameOf(path, pid)) ?? null;
    const text = pinnedText(path, size, names);
    warn(text, "LITELATCH_WAL_PINNED", settings.onWarning);
  };

  return {
    afterWrite() {
      const bytes = watch.files.walBytes;
      // Until the next look.
      watch.files.walBytes = 0;
      if (bytes <= least || session.stopped || !session.isIdle) return;
      const isUrgent = bytes > FAR * limit && failed < ROUND;
      if (isUrgent || now() >= restUntil) keep(Infinity);
    },
    /** Rested or not, for at most a tenth of the heartbeat. */
    beat: () => keep(Number(heartbeat) / (REST + 1)),
    /** What was seen may be of another file. */
    connected: checkpointed,
  };
}
