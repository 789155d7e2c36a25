/** Who is in the way: by the pidfiles, and by the kernel's list. @module */

import { UnsupportedError } from "../errors.ts";
import type { Holder, LockMode } from "../options.ts";
import { onFilesystem } from "../os/filesystem.ts";
import { RESERVED, SHARED } from "../os/lock_bytes.ts";
import { isAlive, provesLives, self } from "../os/process.ts";
import {
  commandOf,
  listsEverybody,
  locksOn,
  locksOnEach,
  pidsAt,
  processStat,
} from "../os/procfs.ts";
import { parseIdentity, stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";
import { allPidfiles, type HolderRecord } from "./pidfiles.ts";
import { type Ask, describe } from "./refusal.ts";

/**
 * A contender that only asks shows as BUSY too, for as long as a slice. So BUSY
 * is doubted for longer, unless a record proves a living holder.
 */
export const DOUBT_MS = 120;
const MOST_DOUBT_MS = 1200;

// Who only asks is on the list while SQLite waits for it, on a busy machine for
// longer: four looks in 6 ms named 239 of those in 8 s. One that is asleep in the
// midst of a try is there for a tenth of a second: seven named one of 1,450.
const BETWEEN_LOOKS_MS = [0, 2, 6, 18, 54, 108, 108, 108, 108, 108, 108];

/**
 * Those that left a record, and strangers on the kernel's list.
 *
 * @returns `null` if it may be that nobody holds it, and others only ask.
 */
export function* holdersNow(
  { what, target, mode, wait }: Ask,
  waited: number,
): Waiting<Holder[] | null> {
  const { path, folder, name } = target;
  // There must be an answer.
  const isPast = (doubts: number) => waited - wait >= doubts * MOST_DOUBT_MS;
  const recorded = recordedHolders(path, mode);
  const proven = recorded.filter(({ alive }) => alive ?? !provesLives());
  // Whoever holds it exclusively is alone.
  if (proven.some((one) => one.mode === "exclusive")) return proven;
  if (waited < DOUBT_MS && proven.length === 0) return null;
  // In the kernel's list it has another number, and would be named twice.
  if (recorded.some((one) => one.pidNamespace === "other")) return recorded;
  let strangers: number[] | null = null;
  let held: LockMode | null = null;
  let anyLock = false;
  for (const pause of BETWEEN_LOOKS_MS) {
    if (pause > 0) yield pause;
    const file = stat(`${path}.lock`);
    const locks = file && locksOn(file);
    if (locks === null) {
      // On a busy machine a winner may take long to publish its record.
      if (recorded.length > 0 || isPast(2)) return recorded;
      yield 50; // to look into the folder costs the winner time
      return null;
    }
    anyLock ||= locks.length > 0;
    let now = pidsAt(locks, SHARED, true);
    const found = now.length > 0 ? "exclusive" : "shared";
    // Who was seen with both has let go in between, so it asks.
    if (found !== (held ??= found)) strangers = [];
    if (found === "shared") {
      // Who has written to RESERVED and only reads SHARED waits for the others
      // to go: it asks, and holds nothing.
      const asking = pidsAt(locks, RESERVED, true);
      now = pidsAt(locks, SHARED)
        .filter((pid) => mode === "exclusive" && !asking.includes(pid));
    }
    strangers = (strangers ?? now)
      .filter((pid) =>
        now.includes(pid) && !recorded.some((one) => one.pid === pid)
      );
    const isClear = recorded.length > 0 || !isPast(1);
    if (isClear && strangers.length === 0) break;
  }
  if (held && strangers?.length) {
    return [...recorded, ...strangers.map((pid) => stranger(pid, held))];
  }
  if (recorded.length === 0 && (anyLock || listsEverybody())) {
    // Those that only ask leave gaps. It is no holder that excludes us.
    if (!isPast(1)) return null;
    // ENOLCK and EACCES look like a busy file to SQLite. So does a holder that
    // went before the looks, while its next one gets no processor: so it is tried
    // and looked at once more.
    if (!anyLock) {
      if (!isPast(2)) return null;
      throw new UnsupportedError(
        `${what} "${path}" cannot be locked: nobody holds ${name}.lock, yet ` +
          `its filesystem${onFilesystem(folder)} refuses the lock (ENOLCK or ` +
          "EACCES). Use a local disk, or switch locking on for that mount.",
      );
    }
  }
  return recorded;
}

/** Without those that the kernel gave no lock: anybody can write a record. */
function vouched(records: HolderRecord[]): Holder[] {
  const files = records.map(({ sidecar }) => parseIdentity(sidecar));
  const locks = listsEverybody() ? locksOnEach(files) : null;
  return records.filter(({ pid, mode, pidNamespace }, i) => {
    if (locks === null) return true;
    const pids = pidsAt(locks[i] ?? [], SHARED, mode === "exclusive");
    // In the list one of another namespace has another number.
    const isOther = pidNamespace && pidNamespace !== self().pidNamespace;
    return isOther ? pids.length > 0 : pids.includes(pid);
  }).map(toHolder);
}

/** Those that left a record, as far as the kernel does not deny it. */
export function recordedHolders(path: string, mode: LockMode): Holder[] {
  const records = allPidfiles(path).flatMap(({ record }) => record ?? []);
  const found = vouched(records)
    .filter(({ alive }) => alive !== false)
    .sort((a, b) => (a.acquiredAt ?? "") < (b.acquiredAt ?? "") ? 1 : -1);
  // Older ones are what a scanner kept open as they were to go (Windows).
  if (found[0]?.mode === "exclusive") return found.slice(0, 1);
  if (mode === "shared") return [];
  // By its process: each thread has a record, and one may have two names for a
  // moment, while it is published.
  const known = new Map<string, Holder>();
  for (const one of found) {
    if (one.mode === "shared") known.set(`${one.pid} ${one.pidNamespace}`, one);
  }
  return [...known.values()];
}

/** What a caller is told about the holder behind a record. */
export function toHolder(record: HolderRecord): Holder {
  const { pid, ppid, app, purpose, command, runtime, mode, acquiredAt } =
    record;
  const facts = { pid, ppid, app, purpose, command, runtime, mode, acquiredAt };
  const [own, there] = [self().pidNamespace, record.pidNamespace];
  const where = own === there ? "own" : "other";
  const pidNamespace = own && there ? where : null;
  return { ...facts, alive: isAlive(record), pidNamespace };
}

/** A PID of our namespace, with what its pidfile says where it has one. */
export function holderOf(path: string, pid: number): Holder {
  return recordedHolders(path, "exclusive").find((one) => one.pid === pid) ??
    stranger(pid, "shared");
}

export function nameOf(path: string, pid: number, how?: string): string {
  return describe(holderOf(path, pid), how);
}

/** A process without a record, by what the kernel says about it. */
function stranger(pid: number, mode: LockMode): Holder {
  const unknown = { app: null, purpose: null, runtime: null, acquiredAt: null };
  const ppid = processStat(pid)?.ppid ?? null;
  const facts = { pid, ppid, command: commandOf(pid), mode, ...unknown };
  return { ...facts, alive: true, pidNamespace: "own" };
}
