/**
 * From a lock that is won to its release.
 *
 * @module
 */

import { whenLeaving } from "../os/leaving.ts";
import type { Location } from "../os/paths.ts";
import { type HeldLock, sharedState } from "../os/shared_state.ts";
import type { Ask } from "./claim.ts";
import { Lock } from "./handle.ts";
import { isJoined } from "./joining.ts";
import { leaveLegacy, watchLegacy } from "./legacy.ts";
import { type OwnPidfile, republish, toHolder, withdraw } from "./pidfiles.ts";
import type { Sidecar } from "./sidecar.ts";

/** Another handle on a lock that this thread has. */
export function countOn(target: Location, held: HeldLock): Lock {
  held.count++;
  return new Lock(target.path, held);
}

/**
 * The first handle on a lock that was won, or joined: then `sidecar` is null.
 *
 * The registration also keeps the sidecar's handle from being collected, which
 * would drop the lock.
 */
export function hold(
  ask: Ask,
  pidfile: OwnPidfile,
  sidecar: Sidecar | null,
): Lock {
  const { locks } = sharedState();
  const { target } = ask;
  let lingering: ReturnType<typeof setInterval> | undefined;

  // Who joined another thread's lock leaves the old version's to that one.
  const ownsLegacy = sidecar !== null && ask.legacy.length > 0;
  const stopLegacy = ownsLegacy ? watchLegacy(ask) : () => {};
  const letGo = (): void => {
    // While our record still says whose PID it is.
    if (ownsLegacy) leaveLegacy(ask);
    withdraw(pidfile);
    end();
  };
  const end = (): void => {
    if (ownsLegacy) leaveLegacy(ask);
    stopLegacy();
    clearInterval(lingering);
    stopWatching();
    locks.delete(target.path);
    sidecar?.close();
  };
  const stopWatching = whenLeaving(letGo);

  const held: HeldLock = {
    mode: ask.mode,
    count: 0,
    holder: toHolder(pidfile.record),
    sidecar: pidfile.record.sidecar,
    drop: () => {
      // Nobody can join a shared lock, nor one that is joined itself.
      if (sidecar === null || ask.mode === "shared") return letGo();
      if (lingering === undefined || !isJoined(ask, pidfile)) {
        // First the record, then the look for a worker that joined it just
        // now; join() does it the other way round.
        withdraw(pidfile);
        if (!isJoined(ask, pidfile)) return end();
        republish(target, pidfile);
      }
      lingering ??= linger(() => {
        if (held.count === 0) held.drop();
      });
    },
  };
  locks.set(target.path, held);
  return countOn(target, held);
}

/** Looks again now and then, without keeping the process alive. */
function linger(look: () => void): ReturnType<typeof setInterval> {
  const timer = setInterval(look, 25);
  (timer as { unref?: () => void }).unref?.();
  return timer;
}
