/**
 * Clears the records of those that hold nothing, and nothing else.
 *
 * @module
 */

import { acquireLock } from "../../mod.ts";
import { LockedError } from "../errors.ts";
import { provesAnother } from "../lock/litter.ts";
import {
  allPidfiles,
  type HolderRecord,
  type Pidfile,
} from "../lock/pidfiles.ts";
import type { Lock } from "../lock/lock.ts";
import type { LockMode } from "../options.ts";
import { remove } from "../os/files.ts";
import { isAlive } from "../os/process.ts";
import { locksOfProcess } from "../os/process_locks.ts";
import { type FileStat, lstat, stat } from "../os/stat.ts";

/** What was cleared and what was left. */
export interface Cleaning {
  /** Paths of pidfiles. */
  removed: string[];
  kept: Kept[];
}

/** A pidfile that was left where it is. */
export interface Kept extends Pidfile {
  why: "held" | "elsewhere" | "not allowed";
}

/**
 * Whoever has the lock exclusively knows that every record is litter, unless it
 * proves a holder of another lock file. Where somebody holds it, only what is
 * proved to be nobody's goes, and the exclusive record only while a shared lock
 * keeps its place from being taken.
 *
 * @throws {LitelatchError} If something else lies at the lock file's path.
 */
export function cleanRecords(path: string): Cleaning {
  const before = allPidfiles(path);
  // Without records there is nothing to clear, and no lock file to make.
  if (before.length === 0) return { removed: [], kept: [] };
  const lock = lockOf(path, "exclusive") ?? lockOf(path, "shared");
  let kept: Kept[];
  try {
    kept = keptOf(path, lock, before);
  } finally {
    lock?.release();
  }
  const left = kept.map((one) => one.path);
  const removed = before.map((one) => one.path)
    .filter((path) => !left.includes(path) && lstat(path) === null);
  return { removed, kept };
}

function lockOf(path: string, mode: LockMode): Lock | null {
  try {
    return acquireLock(path, { mode, app: "litelatch clean" });
  } catch (error) {
    if (error instanceof LockedError) return null;
    throw error;
  }
}

/** Clears what can be cleared of those that were there before our own. */
function keptOf(
  path: string,
  lock: Lock | null,
  before: readonly Pidfile[],
): Kept[] {
  const lockFile = stat(`${path}.lock`);
  const identity = lockFile?.identity ?? "";
  const isAlone = lock?.mode === "exclusive";
  const exclusive = `${path}.pid`;
  const found = allPidfiles(path).filter((one) =>
    before.some((other) => other.path === one.path) &&
    !(isAlone && one.path === exclusive)
  );
  return found.flatMap((pidfile): Kept[] => {
    const { record } = pidfile;
    if (record !== null && provesAnother(path, record, identity)) {
      return [{ ...pidfile, why: "elsewhere" }];
    }
    const isSafe = lock !== null || pidfile.path !== exclusive;
    if (!isAlone && !(isSafe && isNobodys(record, lockFile))) {
      return [{ ...pidfile, why: "held" }];
    }
    return remove(pidfile.path) ? [] : [{ ...pidfile, why: "not allowed" }];
  });
}

/**
 * Whether its process is gone, or lives and holds nothing: a worker that was
 * ended leaves its record. A holder takes the lock before it publishes, and
 * withdraws before it lets go.
 */
function isNobodys(
  record: HolderRecord | null,
  lockFile: FileStat | null,
): boolean {
  const alive = record === null ? null : isAlive(record);
  if (record === null || alive !== true) return alive === false;
  return lockFile !== null && record.sidecar === lockFile.identity &&
    locksOfProcess(record.pid, lockFile)?.length === 0;
}
