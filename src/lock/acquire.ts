/**
 * The story of one lock: count, try, wait or refuse.
 *
 * The pidfile says who; the kernel says whether. Whoever has the lock file
 * EXCLUSIVE is alone in a critical section that a crash ends, so every record
 * found inside is litter; but for one case, a lock file that was deleted under
 * a living holder.
 *
 * @module
 */

import type { Holder, LegacyGuard, OldVersion } from "../options.ts";
import { Stopwatch } from "../os/clock.ts";
import { atExit } from "../os/exit_hooks.ts";
import { remove, type Rights } from "../os/files.ts";
import { isAlive } from "../os/process.ts";
import { locksOn } from "../os/procfs.ts";
import { type HeldLock, sharedState } from "../os/shared_state.ts";
import { parseIdentity } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";
import type { LockSettings } from "../settings.ts";
import { identify, recordedHolders, toHolder } from "./holders.ts";
import { Lock } from "./lock.ts";
import { LockFile } from "./lock_file.ts";
import {
  allPidfiles,
  exclusivePidfile,
  type OwnPidfile,
  type Pidfile,
  publishOwn,
  withdraw,
} from "./pidfiles.ts";
import type { HolderRecord } from "./record.ts";
import { type Asked, otherMode, refused, replaced } from "./refusal.ts";
import { isVerified, markVerified } from "./verified.ts";

/** What is asked for, and on whose behalf. */
export interface Ask extends Asked, LockSettings {
  /** Whether the thread may stand still while SQLite waits. */
  blocking: boolean;
  /** What our files get: the rights of the database. */
  rights: Rights | null;
}

// A contender that only asks shows as BUSY too, for as long as a slice. So BUSY
// is doubted for longer, unless a record proves a living holder.
const SLICE_MS = 50;
const DOUBT_MS = 120;
const MOST_DOUBT_MS = 1200;
// Longer than a shared newcomer sleeps between two tries: it must not miss the
// gap between two slices.
const AFTER_SLICE_MS = 4;
// The event loop stands still in a slice.
const ASYNC_SLICE_MS = 20;
const ASYNC_SLICE_EVERY_MS = 120;
// Who waits for longer is a standby, and must not be felt.
const PATIENT_AFTER_MS = 10_000;
const PATIENT_PAUSE_MS = 75;
const PATIENT_SLICE_EVERY_MS = 1000;
// The path may lead to another lock file by now.
const LOOK_EVERY_MS = 100;
// An old version is waited for with the lock in our hands for a moment each
// time, so not too often.
const OLD_PAUSE_MS = 20;

/** Takes the lock, or counts on it where this thread has it. */
export function* acquire(ask: Ask): Waiting<Lock> {
  const { target, mode, wait } = ask;
  const { locks } = sharedState();
  const watch = new Stopwatch();
  const guard = ask.legacy?.guard(target.path) ?? null;
  let file: LockFile | null = null;
  let lastLook = 0;
  let lastSlice = 0;
  let looks = 0;
  try {
    for (;;) {
      // While this procedure slept, another of this thread may have won.
      const own = locks.get(target.path);
      if (own?.mode === mode) return new Lock(target.path, own);
      if (own !== undefined) throw otherMode(ask, own.holder as Holder);
      const waited = watch.elapsed;
      if (file !== null && waited - lastLook >= LOOK_EVERY_MS) {
        lastLook = waited;
        if (file.isReplaced()) {
          file.close();
          file = null;
        }
      }
      file ??= new LockFile(target.path, ask.rights);
      const slice = sliceAt(ask, waited, waited - lastSlice);
      if (slice > 0) lastSlice = waited;
      const result = file.tryLock(mode, slice) ? claim(ask, file, guard) : BUSY;
      if (result.result === "won") {
        const lock = hold(ask, result.pidfile, file, guard);
        file = null;
        return lock;
      }
      const time = watch.elapsed;
      if (result.result === "moved") {
        file.close();
        file = null;
        continue;
      }
      if (result.result === "old") {
        if (time >= wait && result.old.isCertain) throw result.old.error(time);
      } else if (result.result === "elsewhere") {
        if (time >= wait) throw replaced(ask, result.holders.map(toHolder));
      } else if (time >= wait && (looks === 0 || time >= DOUBT_MS)) {
        // Into the folder: one look at once, and one after the doubt.
        looks++;
        const holders = recordedHolders(target, mode);
        const isProven = holders.some(({ alive }) => alive === true);
        if (isProven || time >= DOUBT_MS) {
          const all = yield* identify(ask.what, target, mode, holders);
          // Those that only ask leave gaps; it is no holder that excludes us.
          if (all !== "nobody" || time >= MOST_DOUBT_MS) {
            throw refused(ask, all === "nobody" ? [] : all, watch.elapsed);
          }
        }
      }
      const pause = result.result === "old"
        ? OLD_PAUSE_MS
        : pauseAt(time) + (slice > 0 ? AFTER_SLICE_MS : 0);
      const left = wait - time;
      const sleep = left > 0 ? Math.min(pause, left) : Math.min(pause, 2);
      yield sleep;
      watch.add(sleep);
    }
  } finally {
    // Also when an abort ends the procedure at a yield: no catch sees that.
    file?.close();
  }
}

const BUSY: Claim = { result: "busy" };

/** For how long SQLite may wait in the next try, in milliseconds. */
function sliceAt(
  { mode, wait, blocking }: Ask,
  waited: number,
  sinceSlice: number,
): number {
  if (mode === "shared" || waited >= wait) return 0;
  const isPatient = waited >= PATIENT_AFTER_MS;
  if (isPatient && sinceSlice < PATIENT_SLICE_EVERY_MS) return 0;
  if (blocking) return Math.round(Math.min(SLICE_MS, wait - waited));
  // The first try of all is not worth a standstill.
  return sinceSlice < ASYNC_SLICE_EVERY_MS ? 0 : ASYNC_SLICE_MS;
}

/** How long to sleep before the next try, in milliseconds. */
function pauseAt(waited: number): number {
  return waited < PATIENT_AFTER_MS
    ? 0.5 + Math.random()
    : PATIENT_PAUSE_MS * (0.8 + 0.4 * Math.random());
}

type Claim =
  | { result: "won"; pidfile: OwnPidfile }
  | { result: "busy" }
  /** What was tried is not the file at the path. */
  | { result: "moved" }
  | { result: "elsewhere"; holders: HolderRecord[] }
  | { result: "old"; old: OldVersion };

/** With the kernel lock in our hands: clears litter, and says who we are. */
function claim(ask: Ask, file: LockFile, guard: LegacyGuard | null): Claim {
  const { target, mode, app, purpose, rights } = ask;
  if (file.isReplaced()) return { result: "moved" };
  const found = clear(ask, file);
  if (found !== "cleared") {
    file.unlock();
    return found;
  }
  const sidecar = file.identity;
  const pidfile = publishOwn(target, { mode, app, purpose, sidecar }, rights);
  // Whoever makes a new lock file looks for records after that. So either it
  // finds ours, or the path leads elsewhere by now.
  if (file.isReplaced()) {
    withdraw(pidfile);
    return { result: "moved" };
  }
  let old: OldVersion | null = null;
  let isIn = false;
  try {
    old = guard?.enter() ?? null;
    isIn = old === null;
  } finally {
    if (!isIn) {
      withdraw(pidfile);
      // As long as our record was there, another may have handed to us.
      guard?.leave();
    }
  }
  if (old === null) return { result: "won", pidfile };
  file.unlock();
  return { result: "old", old };
}

/** Clears litter, unless a record proves a living holder elsewhere. */
function clear({ target, mode }: Ask, file: LockFile): Claim | "cleared" {
  if (isVerified(target)) {
    // As long as this is the lock file, nobody can hold another one.
    const exclusive = exclusivePidfile(target);
    if (exclusive !== null) remove(exclusive.path);
    return "cleared";
  }
  const found = allPidfiles(target);
  const elsewhere = found.flatMap(({ record }) =>
    record !== null && provesAnother(record, file) ? [record] : []
  );
  const holders = elsewhere.filter((record) =>
    mode === "exclusive" || record.mode === "exclusive"
  );
  if (holders.length > 0) return { result: "elsewhere", holders };
  const doubtful: Pidfile[] = [];
  for (const { path, record } of found) {
    // Nobody can have the file EXCLUSIVE beside us.
    const isLitter = mode === "exclusive" || record?.mode === "exclusive";
    const alive = record === null ? null : isAlive(record);
    if (isLitter || alive === false) remove(path);
    else if (alive === null) doubtful.push({ path, record });
  }
  if (elsewhere.length === 0) markVerified(target, file.identity);
  return doubtful.length <= PILE || sweep(doubtful, file)
    ? "cleared"
    : { result: "busy" };
}

// More records than this that nobody can prove dead, and a shared holder tries
// to be alone for a moment to clear them: hooks that are always killed under
// narrow permissions would otherwise leave a growing pile.
const PILE = 8;

/** Clears a pile if nobody else holds anything. Whether we hold it again. */
function sweep(pile: Pidfile[], file: LockFile): boolean {
  file.unlock();
  try {
    if (file.tryLock("exclusive") && !file.isReplaced()) {
      for (const { path } of pile) remove(path);
    }
  } catch {
    // The lock file is read-only for us: enough to share, and to leave a pile.
  }
  file.unlock();
  return file.tryLock("shared");
}

/**
 * Whether a record proves a living holder of another lock file than this one.
 * Anybody can plant a record, so the kernel has to list its lock.
 */
export function provesAnother(record: HolderRecord, file: LockFile): boolean {
  const other = parseIdentity(record.sidecar);
  if (other === null || record.sidecar === file.identity) return false;
  const alive = isAlive(record);
  if (alive === false) return false;
  const locks = locksOn(other);
  if (locks === null) return alive === true;
  return locks.some(({ pid }) => pid === record.pid);
}

function hold(
  { target, mode }: Ask,
  pidfile: OwnPidfile,
  file: LockFile,
  guard: LegacyGuard | null,
): Lock {
  const { locks } = sharedState();
  const letGo = (): void => {
    // While our record still says whose PID it is.
    guard?.leave();
    withdraw(pidfile);
  };
  const forget = atExit(letGo);
  // The registration also keeps the connection from being collected, which
  // would drop the lock.
  const held: HeldLock = {
    mode,
    count: 0,
    holder: toHolder(pidfile.record),
    lockFile: file.identity,
    drop: () => {
      letGo();
      // Until our record is gone, another may have handed its place to us.
      guard?.leave();
      forget();
      locks.delete(target.path);
      file.close();
    },
  };
  locks.set(target.path, held);
  return new Lock(target.path, held);
}
