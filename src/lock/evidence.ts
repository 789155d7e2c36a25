/**
 * Who is in the way, as far as it can be told from outside.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { Holder, LockMode } from "../options.ts";
import { facts, filesystemOf } from "../os/look.ts";
import { holdersOf, kernelLocks, listsEverybody } from "../os/kernel_locks.ts";
import { partsOf } from "../os/paths.ts";
import { brief, neighbour } from "../os/neighbours.ts";
import { locksOfProcess } from "../os/process_locks.ts";
import { lives, self } from "../os/process.ts";
import type { Waiting } from "../os/waiting.ts";
import type { Ask } from "./claim.ts";
import {
  allPidfiles,
  exclusivePidfile,
  sharedPidfiles,
  toHolder,
} from "./pidfiles.ts";
import { describe } from "./refusal.ts";

/** Who excludes us, by the pidfiles; those proved dead are left out. */
export function excluders(ask: Ask): Holder[] {
  const exclusive = exclusivePidfile(ask.target);
  const found = exclusive === null ? [] : [exclusive];
  if (ask.mode === "exclusive") found.push(...sharedPidfiles(ask.target));
  return found
    .map((pidfile) => pidfile.record)
    .filter((record) => record !== null && record.joins === null)
    .map((record) => toHolder(record as NonNullable<typeof record>))
    .filter((holder) => holder.alive !== false);
}

// SHARED_FIRST, https://sqlite.org/lockingv3.html: read by every shared holder,
// written by the exclusive one.
const SHARED_BYTE = 0x40000002;

/** One look at the kernel's list: all locks on the sidecar, and who excludes. */
export interface Sample {
  isEmpty: boolean;
  holders: Holder[];
}

/** Who excludes us by the kernel's list; `null` where it is not shown. */
export function sampleKernel(ask: Ask): Sample | null {
  const file = facts(`${ask.target.path}.lock`);
  const locks = file === null ? null : kernelLocks(file);
  if (locks === null) return null;
  const writers = holdersOf(locks, SHARED_BYTE, true);
  const readers = ask.mode === "exclusive" && writers.length === 0
    ? holdersOf(locks, SHARED_BYTE, false)
    : [];
  return {
    isEmpty: locks.length === 0,
    holders: [
      ...[...new Set(writers)].map((pid) => stranger(pid, "exclusive")),
      ...[...new Set(readers)].map((pid) => stranger(pid, "shared")),
    ],
  };
}

/** Those that are in every sample: another contender is in one at the most. */
export function lasting(samples: (Sample | null)[]): Holder[] {
  const [first, ...rest] = samples.map((sample) => sample?.holders ?? []);
  return (first ?? []).filter(({ pid }) =>
    rest.every((holders) => holders.some((holder) => holder.pid === pid))
  );
}

// The list comes in pages, and may leave out a line while others come and go.
const LOOKS = 3;

/**
 * Compares the holders that left a record with those that the kernel lists:
 * the first are who is registered, the second who holds it. Strangers are
 * added. Where there is none, a record of nobody on the list is of a dead one,
 * though its PID alone could not prove that.
 */
export function* byTheKernel(
  ask: Ask,
  registered: Holder[],
): Waiting<Holder[]> {
  // One of another namespace has another number in the kernel's list, and
  // would be named twice.
  if (registered.some(({ pidNamespace }) => pidNamespace === "other")) {
    return registered;
  }
  const known = new Set([self().pid, ...registered.map(({ pid }) => pid)]);
  const listed = new Map<number, { holder: Holder; times: number }>();
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) yield 1;
    for (const holder of sampleKernel(ask)?.holders ?? []) {
      const times = (listed.get(holder.pid)?.times ?? 0) + 1;
      listed.set(holder.pid, { holder, times });
    }
    const isPlain = registered.every(({ alive }) => alive !== null) &&
      [...listed.keys()].every((pid) => known.has(pid));
    if (look > 0 && isPlain) break;
  }
  const strangers = [...listed.values()]
    .filter(({ holder: { pid }, times }) =>
      !known.has(pid) && (times === LOOKS || isHolding(ask, pid))
    )
    .map(({ holder }) => holder);
  const isWhole = listed.size > 0 && listsEverybody();
  return strangers.length === 0 && isWhole
    ? registered.filter(({ pid, alive }) => alive !== null || listed.has(pid))
    : [...registered, ...strangers];
}

/** A contender that is just trying was listed too, for microseconds. */
function isHolding({ target }: Ask, pid: number): boolean {
  const file = facts(`${target.path}.lock`);
  return file !== null && (locksOfProcess(pid, file)?.length ?? 0) > 0;
}

/** Locks that fail with ENOLCK or EACCES look like a busy file to SQLite. */
export function blameFilesystem(
  what: string,
  ask: Ask,
  samples: (Sample | null)[],
): void {
  if (!samples.every((sample) => sample?.isEmpty)) return;
  if (!listsEverybody()) return;
  const type = filesystemOf(ask.target.folder);
  throw new UnsupportedError(
    `${what} "${ask.target.path}" cannot be locked: no process holds ` +
      `${ask.target.name}.lock, yet its filesystem${
        type === null ? "" : ` (${type})`
      } refuses the lock (ENOLCK or EACCES). Put the file on a local disk, ` +
      "or switch locking on for that mount.",
  );
}

/** A PID of our namespace, with what its pidfile says where it has one. */
export function holderOf(path: string, pid: number): Holder {
  const target = { path, ...partsOf(path) };
  const record = allPidfiles(target)
    .map((pidfile) => pidfile.record)
    .find((record) => record?.pid === pid && lives(record) !== false);
  return record ? toHolder(record) : stranger(pid, "shared");
}

/** The same in one line. */
export function nameOf(path: string, pid: number): string {
  return describe(holderOf(path, pid));
}

/** A process without a record, by what the kernel says about it. */
function stranger(pid: number, mode: LockMode): Holder {
  const { ppid, command } = neighbour(pid);
  return {
    pid,
    ppid,
    app: null,
    purpose: null,
    command: command === null ? null : brief(command),
    runtime: null,
    mode,
    acquiredAt: null,
    alive: true,
    pidNamespace: "own",
  };
}
