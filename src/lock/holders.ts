/**
 * Who is in the way: by the pidfiles, and by the kernel's list.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { Holder, LockMode } from "../options.ts";
import { onFilesystem } from "../os/filesystem.ts";
import { RESERVED, SHARED } from "../os/lock_bytes.ts";
import { type Location, partsOf } from "../os/paths.ts";
import { isAlive, self } from "../os/process.ts";
import {
  commandOf,
  type KernelLock,
  listsEverybody,
  locksOn,
  pidsAt,
  processStat,
} from "../os/procfs.ts";
import { stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";
import { allPidfiles, exclusivePidfile } from "./pidfiles.ts";
import type { HolderRecord } from "./record.ts";
import { describe } from "./refusal.ts";

/** The holders that exclude `mode`, by their pidfiles; the dead are left out. */
export function recordedHolders(target: Location, mode: LockMode): Holder[] {
  const exclusive = exclusivePidfile(target)?.record ?? null;
  // Whoever holds it exclusively is alone.
  if (exclusive !== null && isAlive(exclusive) !== false) {
    return [toHolder(exclusive)];
  }
  return allPidfiles(target)
    .flatMap(({ record }) => record === null ? [] : [toHolder(record)])
    .filter((one) => mode === "exclusive" || one.mode === "exclusive")
    .filter(({ alive }) => alive !== false);
}

// Who only asks is on the list for as long as SQLite waits for it.
const LOOKS = 4;
const BETWEEN_LOOKS_MS = 2;

/**
 * Compares the holders that left a record with those that the kernel lists.
 * Strangers are added; where there are none, a record of nobody on the list is
 * of a dead one, though its PID alone could not prove that.
 *
 * @returns `"nobody"` if those that it lists only ask for the lock.
 * @throws {UnsupportedError} If nobody holds the lock: ENOLCK and EACCES look
 * like a busy file to SQLite.
 */
export function* identify(
  what: string,
  target: Location,
  mode: LockMode,
  recorded: Holder[],
): Waiting<Holder[] | "nobody"> {
  // One of another namespace has another number in the kernel's list, and
  // would be named twice.
  if (recorded.some(({ pidNamespace }) => pidNamespace === "other")) {
    return recorded;
  }
  const listed = new Map<number, { mode: LockMode; looks: number }>();
  let anyLock = false;
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) yield BETWEEN_LOOKS_MS;
    const file = stat(`${target.path}.lock`);
    const locks = file === null ? null : locksOn(file);
    if (locks === null) return recorded;
    anyLock ||= locks.length > 0;
    for (const [pid, held] of holdersIn(locks, mode)) {
      listed.set(pid, { mode: held, looks: (listed.get(pid)?.looks ?? 0) + 1 });
    }
  }
  if (!anyLock && recorded.length === 0 && listsEverybody()) {
    throw new UnsupportedError(
      `${what} "${target.path}" cannot be locked: no process holds ` +
        `${target.name}.lock, yet its filesystem${
          onFilesystem(target.folder)
        } ` +
        "refuses the lock (ENOLCK or EACCES). Put the file on a local disk, " +
        "or switch locking on for that mount.",
    );
  }
  const strangers = [...listed]
    .filter(([pid, { looks }]) =>
      looks === LOOKS && !recorded.some((one) => one.pid === pid)
    )
    .map(([pid, { mode }]) => stranger(pid, mode));
  if (strangers.length > 0) return [...recorded, ...strangers];
  if (recorded.length === 0 && listed.size === 0 && anyLock) return "nobody";
  return listed.size > 0 && listsEverybody()
    ? recorded.filter(({ pid, alive }) => alive !== null || listed.has(pid))
    : recorded;
}

/**
 * Who holds the lock by the kernel's list. Who has written to RESERVED and only
 * reads SHARED waits for the others to go: it asks, and holds nothing.
 */
function holdersIn(
  locks: KernelLock[],
  asked: LockMode,
): Map<number, LockMode> {
  const writers = pidsAt(locks, SHARED, true);
  const waiting = pidsAt(locks, RESERVED, true);
  const readers = asked === "exclusive" && writers.length === 0
    ? pidsAt(locks, SHARED).filter((pid) => !waiting.includes(pid))
    : [];
  return new Map([
    ...writers.map((pid) => [pid, "exclusive"] as const),
    ...readers.map((pid) => [pid, "shared"] as const),
  ]);
}

/** What a caller is told about the holder behind a record. */
export function toHolder(record: HolderRecord): Holder {
  const { pid, ppid, mode, app, purpose, command, runtime, acquiredAt } =
    record;
  const own = self().pidNamespace;
  const pidNamespace = own === null || record.pidNamespace === null
    ? null
    : own === record.pidNamespace
    ? "own"
    : "other";
  const alive = isAlive(record);
  return {
    pid,
    ppid,
    app,
    purpose,
    command,
    runtime,
    mode,
    acquiredAt,
    alive,
    pidNamespace,
  };
}

/** A PID of our namespace, with what its pidfile says where it has one. */
export function holderOf(path: string, pid: number): Holder {
  const record = allPidfiles({ path, ...partsOf(path) })
    .map((pidfile) => pidfile.record)
    .find((record) => record?.pid === pid && isAlive(record) !== false);
  return record ? toHolder(record) : stranger(pid, "shared");
}

/** The same in one line. */
export function nameOf(path: string, pid: number): string {
  return describe(holderOf(path, pid));
}

/** A process without a record, by what the kernel says about it. */
function stranger(pid: number, mode: LockMode): Holder {
  return {
    pid,
    ppid: processStat(pid)?.ppid ?? null,
    app: null,
    purpose: null,
    command: commandOf(pid),
    runtime: null,
    mode,
    acquiredAt: null,
    alive: true,
    pidNamespace: "own",
  };
}
