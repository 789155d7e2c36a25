/**
 * One try for the lock: first the kernel, then the pidfiles.
 *
 * The kernel lock decides. Whoever has it EXCLUSIVE is alone in a critical
 * section that a crash ends, so every record found inside is litter; but for
 * one case, a sidecar that was deleted under a living holder.
 *
 * @module
 */

import { remove } from "../os/files.ts";
import { locksOfProcess } from "../os/process_locks.ts";
import type { Location } from "../os/paths.ts";
import { lives } from "../os/process.ts";
import type { Holder, LockMode } from "../options.ts";
import {
  allPidfiles,
  type OwnPidfile,
  type Pidfile,
  pidfiles,
  publishOwn,
  toHolder,
  withdraw,
} from "./pidfiles.ts";
import type { HolderRecord } from "./record.ts";
import type { Sidecar } from "./sidecar.ts";

/** What is asked for, and on whose behalf. */
export interface Ask {
  target: Location;
  mode: LockMode;
  app: string | null;
  purpose: string | null;
  /** Paths at which an older version keeps its locks. */
  legacy: string[];
}

/** How a try ended. */
export type Claim =
  | { result: "won"; pidfile: OwnPidfile }
  | { result: "busy" }
  | { result: "replaced"; holders: Holder[] };

// More records than this that nobody can prove dead, and a shared holder tries
// to be alone for a moment to clear them: hooks that are always killed under
// narrow permissions would otherwise leave a growing pile.
const PILE = 8;

/** Tries once. */
export function claim(ask: Ask, sidecar: Sidecar): Claim {
  if (!sidecar.tryLock(ask.mode)) return { result: "busy" };
  let replacedUnder: HolderRecord[];
  if (ask.mode === "exclusive") {
    const found = allPidfiles(ask.target);
    replacedUnder = holdersElsewhere(found, sidecar);
    if (replacedUnder.length === 0) clear(found);
  } else {
    const { exclusive, shared } = pidfiles(ask.target);
    replacedUnder = holdersElsewhere(exclusive, sidecar);
    if (replacedUnder.length === 0) clear(exclusive);
    if (clearDead(shared) > PILE) {
      sidecar.unlock();
      sweep(ask.target, sidecar);
      if (!sidecar.tryLock("shared")) return { result: "busy" };
    }
  }
  if (replacedUnder.length > 0) {
    sidecar.unlock();
    return { result: "replaced", holders: replacedUnder.map(toHolder) };
  }
  const { target, mode, app, purpose } = ask;
  const pidfile = publishOwn(target, {
    mode,
    app,
    purpose,
    sidecar: sidecar.identity,
    joins: null,
  });
  // Whoever makes a new lock file looks for records after that. So either it
  // finds ours, or the path leads elsewhere by now (the look inside tryLock()
  // came too early, and two held).
  if (!sidecar.isReplaced()) return { result: "won", pidfile };
  withdraw(pidfile);
  sidecar.unlock();
  return { result: "busy" };
}

/** Clears every record if nobody holds anything; otherwise does nothing. */
function sweep(target: Location, sidecar: Sidecar): void {
  try {
    if (!sidecar.tryLock("exclusive")) return;
  } catch {
    // The sidecar is read-only for us: enough to share, and to leave a pile.
    return;
  }
  const found = allPidfiles(target);
  if (holdersElsewhere(found, sidecar).length === 0) clear(found);
  sidecar.unlock();
}

/**
 * Records that prove a living holder of another sidecar than this one. A
 * record of this very sidecar proves nothing: we have its lock.
 */
export function holdersElsewhere(
  found: Pidfile[],
  sidecar: Sidecar,
): HolderRecord[] {
  return found
    .map((pidfile) => pidfile.record)
    .filter((record) => record !== null)
    .filter((record) =>
      record.sidecar !== sidecar.identity && lives(record) === true &&
      hasKernelLock(record)
    );
}

/** Whether the kernel may still list the lock that a record speaks of. */
function hasKernelLock(record: HolderRecord): boolean {
  const [dev, ino] = (record.sidecar ?? "").split(":");
  if (!/^\d+$/.test(dev ?? "") || !/^\d+$/.test(ino ?? "")) return true;
  const file = { dev: BigInt(dev ?? 0), ino: BigInt(ino ?? 0) };
  return locksOfProcess(record.pid, file)?.length !== 0;
}

/** Clears every record. */
export function clear(found: Pidfile[]): void {
  for (const { path } of found) remove(path);
}

/** Removes what is proved dead, and counts what cannot be told. */
export function clearDead(found: Pidfile[]): number {
  let doubtful = 0;
  for (const { path, record } of found) {
    const alive = record === null ? null : lives(record);
    if (alive === false) remove(path);
    else if (alive === null) doubtful++;
  }
  return doubtful;
}
