/**
 * The story of one lock: count, try, wait or refuse.
 *
 * @module
 */

import type { Holder } from "../options.ts";
import type { LockSettings } from "../settings.ts";
import type { Location } from "../os/paths.ts";
import { self } from "../os/process.ts";
import { sharedState } from "../os/shared_state.ts";
import { now, type Waiting } from "../os/waiting.ts";
import { type Ask, claim } from "./claim.ts";
import {
  blameFilesystem,
  byTheKernel,
  excluders,
  lasting,
  type Sample,
  sampleKernel,
} from "./evidence.ts";
import type { Lock } from "./handle.ts";
import { countOn, hold } from "./holding.ts";
import {
  enterLegacy,
  leaveLegacy,
  legacyPaths,
  legacyRefusal,
  type OldHolder,
} from "./legacy.ts";
import { join } from "./joining.ts";
import { type OwnPidfile, withdraw } from "./pidfiles.ts";
import { otherMode, refusal, replaced } from "./refusal.ts";
import { Sidecar } from "./sidecar.ts";

// A contender that is just trying shows as BUSY too, for microseconds. How
// long BUSY is doubted depends on what speaks for a real holder.
const PATIENCE_MS = { named: 100, unnamed: 250 };
const LEAST_TRIES = 20;
const SAMPLES = 5;
// An old version is waited for with the lock in our hands for a moment each
// time, so not too often.
const OLD_PAUSE_MS = 20;
// While ours come and go, a PID may stand there for a moment that has no record
// any more, and looks like an old version's.
const OLD_PATIENCE_MS = 50;
const OLD_SIGHTINGS = 5;
const OLD_DOUBT_MS = 5;

/**
 * Takes the lock on `target`, or counts on it where this thread has it.
 *
 * @param what How a refusal calls the target: `Database`, `Folder`, `File`.
 */
export function* acquire(
  what: string,
  target: Location,
  settings: LockSettings,
): Waiting<Lock> {
  const legacy = legacyPaths(target, settings.legacy);
  const ask: Ask = { target, ...settings, legacy };
  const already = counted(what, ask);
  if (already !== null) return already;
  const start = now();
  let sidecar: Sidecar | null = new Sidecar(`${target.path}.lock`);
  let sighted: Sighting | null = null;
  try {
    for (;;) {
      const outcome = yield* settle(ask, sidecar);
      if (outcome.result === "won") {
        const old = enter(ask, outcome.pidfile);
        if (old === null) {
          const lock = hold(ask, outcome.pidfile, sidecar);
          sidecar = null;
          return lock;
        }
        leave(ask, outcome.pidfile);
        sidecar.unlock();
        sighted = sight(old, sighted);
        const waited = now() - start;
        if (waited < settings.wait) {
          yield Math.min(OLD_PAUSE_MS, settings.wait - waited);
        } else if (isLasting(sighted)) {
          throw legacyRefusal(what, ask, old, waited);
        } else yield OLD_DOUBT_MS;
        continue;
      }
      if (outcome.result === "joined") return hold(ask, outcome.pidfile, null);
      if (outcome.result === "own") {
        const lock = counted(what, ask);
        if (lock !== null) return lock;
        continue;
      }
      // What was tried was the lock of a file that is not there any more.
      if (sidecar.isReplaced()) {
        sidecar.close();
        sidecar = new Sidecar(sidecar.path);
        continue;
      }
      const waited = now() - start;
      if (waited >= settings.wait) {
        if (outcome.result === "replaced") {
          throw replaced(what, ask, outcome.holders);
        }
        const { samples } = outcome;
        if (samples !== undefined) blameFilesystem(what, ask, samples);
        const holders = samples === undefined
          ? yield* byTheKernel(ask, outcome.holders)
          : outcome.holders;
        throw refusal(what, ask, holders, waited);
      }
      // What the record will need is looked up while there is time.
      self();
      yield Math.min(1 + Math.random(), settings.wait - waited);
    }
  } finally {
    // Also when an abort ends the procedure at a yield: no catch sees that.
    sidecar?.close();
  }
}

/** One more handle on the lock that this thread has; `null` if it has none. */
function counted(what: string, ask: Ask): Lock | null {
  const own = sharedState().locks.get(ask.target.path);
  if (own === undefined) return null;
  if (own.mode === ask.mode) return countOn(ask.target, own);
  throw otherMode(what, ask, own.holder as Holder);
}

function enter(ask: Ask, pidfile: OwnPidfile): OldHolder | null {
  try {
    return enterLegacy(ask);
  } catch (error) {
    // Its folder may be one that we cannot write to.
    leave(ask, pidfile);
    throw error;
  }
}

function leave(ask: Ask, pidfile: OwnPidfile): void {
  withdraw(pidfile);
  leaveLegacy(ask);
}

/** One process of the old version, seen at each try since. */
interface Sighting {
  old: OldHolder;
  since: number;
  times: number;
}

function sight(old: OldHolder, before: Sighting | null): Sighting {
  const isSame = before?.old.path === old.path &&
    before.old.holder?.pid === old.holder?.pid;
  return isSame
    ? { ...before, times: before.times + 1 }
    : { old, since: now(), times: 1 };
}

function isLasting({ since, times }: Sighting): boolean {
  return times >= OLD_SIGHTINGS && now() - since >= OLD_PATIENCE_MS;
}

type Outcome =
  | { result: "won"; pidfile: OwnPidfile }
  | { result: "joined"; pidfile: OwnPidfile }
  | { result: "own" }
  | { result: "busy"; holders: Holder[]; samples?: (Sample | null)[] }
  | { result: "replaced"; holders: Holder[] };

/** Tries until there is an answer that can be believed. */
function* settle(ask: Ask, sidecar: Sidecar): Waiting<Outcome> {
  const start = now();
  for (let tries = 1;; tries++) {
    // While this procedure slept, another of this thread may have won.
    if (sharedState().locks.has(ask.target.path)) return { result: "own" };
    const outcome = claim(ask, sidecar);
    if (outcome.result !== "busy") return outcome;
    const joined = join(ask);
    if (joined !== null) return { result: "joined", pidfile: joined };
    const holders = excluders(ask);
    if (holders.some((holder) => holder.alive === true)) {
      return { result: "busy", holders };
    }
    const patience = holders.length > 0 ? "named" : "unnamed";
    if (tries >= LEAST_TRIES && now() - start >= PATIENCE_MS[patience]) {
      if (holders.length > 0) return { result: "busy", holders };
      return yield* identify(ask, sidecar);
    }
    if (sidecar.isReplaced()) return { result: "busy", holders };
    yield 0.5 + Math.random();
  }
}

/**
 * Who holds a lock that no record speaks of. Each look follows a try that
 * failed, so that what is true of all of them is no passing contender.
 */
function* identify(ask: Ask, sidecar: Sidecar): Waiting<Outcome> {
  const samples: (Sample | null)[] = [];
  while (samples.length < SAMPLES) {
    const outcome = claim(ask, sidecar);
    if (outcome.result !== "busy") return outcome;
    samples.push(sampleKernel(ask));
    yield 1 + Math.random();
  }
  return { result: "busy", holders: lasting(samples), samples };
}
