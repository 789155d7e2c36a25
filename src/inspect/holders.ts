/**
 * Who left a pidfile, and what has become of them.
 *
 * @module
 */

import { allPidfiles, type Pidfile, toHolder } from "../lock/pidfiles.ts";
import { listsEverybody } from "../os/kernel_locks.ts";
import { identityOf } from "../os/look.ts";
import { blindness, neighbour } from "../os/neighbours.ts";
import type { Location } from "../os/paths.ts";
import {
  fileFacts,
  type FileLocks,
  OTHERS_HIDDEN,
  pidsOf,
  SHARED_BYTE,
  touches,
} from "./kernel.ts";
import type { Reasons } from "./reasons.ts";
import type { LockReport, RegisteredHolder } from "./report.ts";

/** Reads the pidfiles. */
export function findHolders(
  target: Location,
  locks: FileLocks | null,
  reasons: Reasons,
): { holders: RegisteredHolder[]; unreadable: string[] } {
  const holders: RegisteredHolder[] = [];
  const unreadable: string[] = [];
  const folder = target.path.length - target.name.length;
  for (const pidfile of allPidfiles(target)) {
    const name = pidfile.path.slice(folder);
    // One that is being written, or was when its process died.
    if (name.endsWith(".tmp")) continue;
    const holder = describe(name, pidfile, target, locks, reasons);
    if (holder === null) unreadable.push(name);
    else holders.push(holder);
  }
  return { holders, unreadable };
}

function describe(
  name: string,
  { record }: Pidfile,
  target: Location,
  locks: FileLocks | null,
  reasons: Reasons,
): RegisteredHolder | null {
  if (record === null) return null;
  const holder = toHolder(record);
  const blind = blindness() ?? "its record does not say enough";
  if (holder.alive === null) {
    reasons.note(
      "holders.alive",
      holder.pidNamespace === "other"
        ? "the PID counts in another PID namespace"
        : blind,
    );
  }
  if (holder.pidNamespace === null) {
    reasons.note("holders.pidNamespace", blind);
  }
  const here = holder.alive === true;
  const elsewhere = "only told of a holder that is known to live";
  const parent = here ? neighbour(record.pid).ppid : null;
  const sidecar = identityOf(`${target.path}.lock`);
  return {
    ...holder,
    record: name,
    parentGone: parent === null || record.ppid === null
      ? reasons.note("holders.parentGone", here ? blind : elsewhere)
      : parent !== record.ppid,
    holdsLock: locks === null || holder.pidNamespace !== "own"
      ? reasons.note("holders.holdsLock", blind)
      : pidsOf(locks.lock).includes(record.pid),
    lockReplaced: !here || record.sidecar === null
      ? reasons.note("holders.lockReplaced", here ? blind : elsewhere)
      : record.sidecar !== sidecar,
  };
}

/** Reads the state of the lock off the kernel's list. */
export function lockReport(
  path: string,
  locks: FileLocks | null,
  reasons: Reasons,
): LockReport {
  const exists = fileFacts(`${path}.lock`) !== null;
  if (!exists) return { exists, state: "free", pids: [] };
  if (locks === null) {
    const reason = blindness() ?? "/proc/locks cannot be read here";
    reasons.note("lock.state", reason);
    reasons.note("lock.pids", reason);
    return { exists, state: null, pids: null };
  }
  const shared = locks.lock.filter((lock) =>
    touches([lock], SHARED_BYTE, true) || touches([lock], SHARED_BYTE, false)
  );
  const pids = pidsOf(shared);
  if (shared.some((lock) => lock.write)) {
    return { exists, state: "exclusive", pids };
  }
  if (shared.length > 0) return { exists, state: "shared", pids };
  if (!listsEverybody()) {
    reasons.note("lock.state", OTHERS_HIDDEN);
    reasons.note("lock.pids", OTHERS_HIDDEN);
    return { exists, state: null, pids: null };
  }
  return { exists, state: "free", pids };
}
