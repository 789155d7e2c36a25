/**
 * The story of one lock: count, try, wait or refuse.
 *
 * The pidfile says who; the kernel says whether. Whoever has the lock file
 * EXCLUSIVE is alone in a critical section that a crash ends, so every record
 * there is litter, but for that of a holder whose lock file was deleted.
 */

import type { Holder, LegacyGuard, LockMode, OldVersion } from "../options.ts";
import { countSleep, now } from "../os/clock.ts";
import { atExit } from "../os/exit_hooks.ts";
import { self } from "../os/process.ts";
import { type HeldLock, sharedState } from "../os/shared_state.ts";
import { identityOf } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";
import { DOUBT_MS, holdersNow, toHolder } from "./holders.ts";
import { findLitter } from "./litter.ts";
import { Lock } from "./lock.ts";
import { LockFile } from "./lock_file.ts";
import { publishOwn } from "./pidfiles.ts";
import { type Ask, refused } from "./refusal.ts";

// In a slice SQLite waits, and the event loop stands still; so all that wait in
// one thread share them.
const SLICE = { ms: 50, every: 0 };
const ASYNC_SLICE = { ms: 20, every: 120 };
// Sleeps this part of a slice after it.
const REST = 1 / 12;
// PENDING helps against those who share. Against others it is kept to pass one who
// tries: with all of a slice, the next holder slept for 5 to 20 ms with it, and 32
// contenders used the lock 64 % of the time, where it is 73 % now.
const PASSING_MS = 3;
// Who waits for longer is a standby: not felt, but in after 100 ms at the most.
const STANDBY_AFTER_MS = 10_000;
// In its slice SQLite sleeps for 82 ms at the most (main.c,
// sqliteDefaultBusyCallback).
const STANDBY = { ms: 310, pause: 88, every: 3000 };
const LOOK_EVERY_MS = 100; // The path may lead to another lock file by now.
// Another of this thread asks, or an old version is waited for inside the lock.
const ASIDE_PAUSE_MS = 20;

let lastSlice = 0;
// Who asks for all of this thread that wait for the same.
const asking = new Map<string, Ask>();

/** Takes the lock, or counts on it where this thread has it. */
export function* acquire(ask: Ask): Waiting<Lock> {
  const { target, mode, wait } = ask;
  const guard = ask.legacy?.guard(target.path);
  const key = `${mode} ${!guard} ${target.path}`;
  const start = now();
  let file: LockFile | null = null;
  let clear!: ReturnType<typeof findLitter>;
  let nextLook = LOOK_EVERY_MS;
  let hasAsked = false;
  let held: LockMode | null = null; // How others have it, as far as is known.
  try {
    for (;;) {
      // While this procedure slept, another of this thread may have won.
      const own = sharedState().locks.get(target.path);
      const isLost = own && own.lockFile !== identityOf(`${target.path}.lock`);
      if (own?.mode === mode && !isLost) return new Lock(target.path, own);
      if (own) throw refused(ask, [own.holder as Holder], 0, true, isLost);
      const started = now() - start;
      // Twenty that ask took all of a thread, and a descriptor each.
      const asker = asking.get(key) ?? ask;
      asking.set(key, asker);
      if (asker !== ask && !ask.blocking && started < wait) {
        yield Math.min(pauseAt(started, ASIDE_PAUSE_MS), wait - started);
        continue;
      }
      const slice = sliceAt(ask, started);
      if (slice) lastSlice = now();
      // To share, a lock file that is read-only for us is enough.
      if (file === null) {
        file = new LockFile(target, mode === "shared" ? undefined : wait + 100);
        self(); // Its first call takes 1 ms, which with the lock others would wait.
        clear = findLitter(ask, file);
      }
      const pending = held === "shared" ? slice : Math.min(slice, PASSING_MS);
      const mayTry = held !== "exclusive" || started >= wait;
      const found = mayTry && file.tryLock(mode, pending)
        ? enter(ask, file, clear, guard)
        : "busy";
      if (found instanceof Lock) {
        file = null;
        return found;
      }
      const waited = now() - start;
      if (found === "moved" || (waited >= nextLook && file.isReplaced())) {
        file.close();
        file = null;
        continue;
      }
      if (waited >= nextLook) nextLook = LOOK_EVERY_MS + waited * 1.01;
      const isOver = waited >= wait;
      if (found !== "busy") {
        file.unlock();
        if (isOver && found.isCertain) throw found.error(waited);
      } else if (isOver && (!hasAsked || waited >= DOUBT_MS)) {
        // Into the folder: one look at once, and one after the doubt.
        hasAsked = true;
        const holders = yield* holdersNow(ask, waited);
        if (holders !== null) throw refused(ask, holders, now() - start);
      }
      // Nobody has to wait for who only asks. To wait in SQLite takes half as much.
      const { ms } = waited < STANDBY_AFTER_MS ? SLICE : STANDBY;
      const nap = Math.ceil(Math.min(ask.blocking ? ms : slice, wait - waited));
      if (mode === "exclusive" && found === "busy" && nap > 0) {
        const before = now();
        const isShared = file.tryLock("none");
        if (isShared) held = "shared";
        else held = file.tryLock("none", nap) ? null : "exclusive";
        if (held === "exclusive") countSleep(nap, before);
        // SQLite's first sleep is 1 ms; without one it would never rest here.
        if (!isShared && now() - before >= 1) continue;
      }
      // A shared newcomer must not sleep through the gap between two slices.
      const least = found === "busy" ? pending * REST : ASIDE_PAUSE_MS;
      const most = isOver ? 2 : wait - waited;
      yield Math.min(pauseAt(waited, least), most);
      if (held === "exclusive") held = null;
    }
  } finally {
    // Also when an abort ends the procedure at a yield: no catch sees that.
    if (asking.get(key) === ask) asking.delete(key);
    file?.close();
  }
}

/** For how long SQLite may wait in the next try. */
function sliceAt(ask: Ask, waited: number): number {
  const left = ask.wait - waited;
  const { ms, every } = ask.blocking ? SLICE : ASYNC_SLICE;
  const pause = waited < STANDBY_AFTER_MS ? every : STANDBY.every;
  if (
    ask.mode === "shared" || left <= 0 ||
    Math.min(waited, now() - lastSlice) < pause
  ) return 0;
  return Math.round(Math.min(ms, left));
}

function pauseAt(waited: number, least: number): number {
  const pause = waited < STANDBY_AFTER_MS ? least + 0.5 : STANDBY.pause;
  return pause + Math.random();
}

/** With the kernel lock in our hands; what was tried may have been moved. */
function enter(
  ask: Ask,
  file: LockFile,
  clear: ReturnType<typeof findLitter>,
  guard: LegacyGuard | undefined,
): Lock | "busy" | "moved" | OldVersion {
  const { target, mode, app, purpose } = ask;
  if (file.isReplaced()) return "moved";
  let obstacle: OldVersion | "busy" | "moved" | null = clear();
  if (obstacle) return obstacle;
  const sidecar = file.identity;
  const own = publishOwn(target, { mode, app, purpose, sidecar });
  const letGo = (): void => {
    // While our record still says whose PID it is, and again when it is gone:
    // until then another may have handed its place to us.
    guard?.leave();
    own.withdraw();
    guard?.leave();
  };
  obstacle = "moved";
  try {
    // Whoever makes a new lock file looks for records after that. So either it
    // finds ours, or the path leads elsewhere by now.
    if (!file.isReplaced()) obstacle = guard?.enter() ?? null;
  } finally {
    if (obstacle) letGo();
  }
  if (obstacle) return obstacle;
  const forget = atExit(letGo);
  const { locks } = sharedState();
  const held: HeldLock = {
    mode,
    count: 0,
    holder: toHolder(own.record),
    lockFile: sidecar,
    drop() {
      letGo();
      locks.delete(target.path);
      file.close();
      forget();
    },
  };
  // It keeps the connection from being collected, which would drop the lock.
  locks.set(target.path, held);
  return new Lock(target.path, held);
}
