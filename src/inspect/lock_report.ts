/**
 * The lock of litelatch: who left a pidfile, and what has become of them.
 *
 * @module
 */

import { toHolder } from "../lock/holders.ts";
import { holdsAnother } from "../lock/litter.ts";
import { allPidfiles } from "../lock/pidfiles.ts";
import type { HolderRecord } from "../lock/pidfiles.ts";
import { readSmall } from "../os/files.ts";
import type { Location } from "../os/paths.ts";
import { provesLives } from "../os/process.ts";
import { locksOfProcess } from "../os/process_locks.ts";
import { listsEverybody, locksOn, processStat } from "../os/procfs.ts";
import { type FileIdentity, parseIdentity } from "../os/stat.ts";
import {
  type FileLocks,
  holdersOf,
  lockFileOf,
  OTHERS_HIDDEN,
  whyNoLocks,
} from "./file_locks.ts";
import { findForeign } from "./foreign_files.ts";
import type { Reasons } from "./reasons.ts";
import type { ForeignFile, LockReport, RegisteredHolder } from "./report.ts";

/** What lies beside a database under our names. */
export interface Records {
  holders: RegisteredHolder[];
  unreadable: string[];
  foreign: ForeignFile[];
}

/** Reads the pidfiles. */
export function findRecords(
  target: Location,
  locks: FileLocks | null,
  reasons: Reasons,
): Records {
  const holders = new Map<string, RegisteredHolder>();
  const unreadable: string[] = [];
  const found = allPidfiles(target.path);
  const folder = target.path.length - target.name.length;
  const lockFile = lockFileOf(target.path);
  for (const { path, record } of found) {
    const name = path.slice(folder);
    // A draft is being written, or was when its process died.
    if (name.endsWith(".tmp")) continue;
    if (record === null) {
      unreadable.push(name);
      continue;
    }
    const { pid, pidNamespace, startToken, bootId } = record;
    const key = [pid, pidNamespace, startToken, bootId].join();
    const facts = describe(target, path, record, lockFile, locks, reasons);
    const holder = { ...facts, record: name, moreRecords: [] };
    const other = holders.get(key);
    holders.set(key, other === undefined ? holder : merge(other, holder));
  }
  const foreign = findForeign(target, found.map(({ path }) => path));
  return { holders: [...holders.values()], unreadable, foreign };
}

/** Two records of one process: of those in force, the older one tells most. */
function merge(
  one: RegisteredHolder,
  other: RegisteredHolder,
): RegisteredHolder {
  // A worker that was ended leaves a record in a process that lives on.
  const isFirst = one.alive !== other.alive
    ? other.alive === false
    : (one.acquiredAt ?? "") <= (other.acquiredAt ?? "");
  const [first, second] = isFirst ? [one, other] : [other, one];
  return {
    ...first,
    moreRecords: [
      ...first.moreRecords,
      second.record,
      ...second.moreRecords,
    ].sort(),
  };
}

function describe(
  target: Location,
  path: string,
  record: HolderRecord,
  lockFile: FileIdentity | null,
  locks: FileLocks | null,
  reasons: Reasons,
): Omit<RegisteredHolder, "record" | "moreRecords"> {
  const holder = toHolder(record);
  const unshown = locks === null
    ? whyNoLocks()
    : "its record does not say enough";
  if (holder.alive === null) {
    reasons.note(
      "holders.alive",
      holder.pidNamespace === "other"
        ? "the PID counts in another PID namespace"
        : provesLives()
        ? unshown
        : `some process has that PID, and ${unshown}`,
    );
  }
  if (holder.pidNamespace === null) {
    reasons.note("holders.pidNamespace", unshown);
  }
  const isHere = holder.alive === true;
  const elsewhere = "only told of a holder that is known to be alive";
  const why = isHere ? unshown : elsewhere;
  const parent = isHere ? processStat(record.pid)?.ppid ?? null : null;
  return {
    ...holder,
    parentGone: parent === null || record.ppid === null
      ? reasons.note("holders.parentGone", why)
      : parent !== record.ppid,
    holdsLock: locks !== null && holder.pidNamespace === "own"
      ? holdsLock(path, record.pid, lockFile, locks)
      : isHeldByNobody(path, record, lockFile)
      ? false
      : reasons.note("holders.holdsLock", unshown),
    lockReplaced:
      (isHere
        ? holdsAnother(target.path, record, lockFile?.identity ?? "")
        : null) ??
        reasons.note("holders.lockReplaced", why),
  };
}

/**
 * Whether the kernel lists its lock. A worker that was ended leaves a record of
 * a process that lives on; and anybody can plant one.
 */
function holdsLock(
  path: string,
  pid: number,
  lockFile: FileIdentity | null,
  locks: FileLocks,
): boolean {
  const isAmong = (list: FileLocks["lock"]) => {
    const { exclusive, shared } = holdersOf(list);
    return exclusive.includes(pid) || shared.includes(pid);
  };
  if (isAmong(locks.lock)) return true;
  if (lockFile === null) return false;
  // The locks were read first, and it may have come in between; or gone, and
  // taken its record along.
  const now = locksOfProcess(pid, lockFile) ?? locksOn(lockFile) ?? [];
  return isAmong(now) || readSmall(path) === null;
}

/**
 * Whether the kernel, which lists everybody, lists nobody: then a record that
 * another PID namespace left is of nobody either, such as of a container that
 * was killed.
 */
function isHeldByNobody(
  path: string,
  { sidecar }: HolderRecord,
  lockFile: FileIdentity | null,
): boolean {
  if (!listsEverybody()) return false;
  const files = [lockFile, parseIdentity(sidecar)];
  return files.every((file) => locksOn(file)?.length === 0) &&
    readSmall(path) !== null;
}

/** Reads the state of the lock off the kernel's list. */
export function lockReport(
  path: string,
  locks: FileLocks | null,
  reasons: Reasons,
): LockReport {
  const exists = lockFileOf(path) !== null;
  if (!exists) return { exists, state: "free", pids: [] };
  const unknown = (why: string): LockReport => {
    reasons.note("lock.state", why);
    reasons.note("lock.pids", why);
    return { exists, state: null, pids: null };
  };
  if (locks === null) return unknown(whyNoLocks());
  const { exclusive, shared } = holdersOf(locks.lock);
  if (exclusive.length > 0) {
    return { exists, state: "exclusive", pids: exclusive };
  }
  if (shared.length > 0) return { exists, state: "shared", pids: shared };
  return listsEverybody()
    ? { exists, state: "free", pids: [] }
    : unknown(OTHERS_HIDDEN);
}
