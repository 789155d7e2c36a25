/**
 * Clears the records of those that hold nothing, and nothing else.
 *
 * @module
 */

import { provesAnother } from "../lock/litter.ts";
import { LockFile } from "../lock/lock_file.ts";
import { allPidfiles, type Pidfile } from "../lock/pidfiles.ts";
import type { HolderRecord } from "../lock/pidfiles.ts";
import { remove } from "../os/files.ts";
import type { Location } from "../os/paths.ts";
import { isAlive } from "../os/process.ts";
import { locksOfProcess } from "../os/process_locks.ts";
import { lstat, stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";

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

// A contender that only asks shows as a holder for moments.
const TRIES = 20;

/**
 * Whoever has the lock EXCLUSIVE for a moment knows that every record is
 * litter, unless it proves a holder of another lock file. Where somebody holds
 * it, only what is proved to be nobody's goes, and the exclusive record only
 * while the SHARED lock keeps its place from being taken.
 *
 * @throws {LitelatchError} If something else lies at the lock file's path.
 */
export function* cleanRecords(target: Location): Waiting<Cleaning> {
  const before = allPidfiles(target.path);
  // Without records there is nothing to clear, and no lock file to make.
  if (before.length === 0) return { removed: [], kept: [] };
  const file = new LockFile(target);
  try {
    const isAlone = yield* getAlone(file);
    const isSafe = isAlone || file.tryLock("shared");
    const found = allPidfiles(target.path);
    const isElsewhere = ({ record }: Pidfile) =>
      record !== null && provesAnother(record, file);
    // Beside a holder of a lock file that was deleted there may be more.
    const isLitter = isAlone && !found.some(isElsewhere);
    const kept = found.flatMap((pidfile): Kept[] => {
      if (isElsewhere(pidfile)) return [{ ...pidfile, why: "elsewhere" }];
      if (!isLitter && !(isSafe && isNobodys(pidfile.record, file))) {
        return [{ ...pidfile, why: "held" }];
      }
      return remove(pidfile.path) ? [] : [{ ...pidfile, why: "not allowed" }];
    });
    file.unlock();
    const left = kept.map(({ path }) => path);
    const removed = before.map(({ path }) => path)
      .filter((path) => !left.includes(path) && lstat(path) === null);
    return { removed, kept };
  } finally {
    file.close();
  }
}

function* getAlone(file: LockFile): Waiting<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (file.tryLock("exclusive")) {
      if (!file.isReplaced()) return true;
      file.unlock();
    }
    yield 0.5 + Math.random();
  }
  return false;
}

/**
 * Whether its process is gone, or lives and holds nothing: a worker that was
 * ended leaves its record. A holder takes the lock before it publishes, and
 * withdraws before it lets go.
 */
function isNobodys(record: HolderRecord | null, file: LockFile): boolean {
  const alive = record === null ? null : isAlive(record);
  if (record === null || alive !== true) return alive === false;
  const lockFile = stat(file.path);
  return lockFile !== null && record.sidecar === file.identity &&
    locksOfProcess(record.pid, lockFile)?.length === 0;
}
