/**
 * What the dead have left, cleared by whoever has the lock. In a big folder a
 * mark on the lock file spares the look, once no record proved a living holder
 * of an earlier one: a time of change that no file has by itself. Litter then
 * stays there until `clean` comes.
 */

import type { OldVersion } from "../options.ts";
import { attempt } from "../os/builtin.ts";
import { remove, setModified } from "../os/files.ts";
import { PENDING } from "../os/lock_bytes.ts";
import { partsOf } from "../os/paths.ts";
import { isAlive, provesLives, self } from "../os/process.ts";
import { locksOn, openPaths } from "../os/procfs.ts";
import { isPosix, lstat, parseIdentity, quickStat } from "../os/stat.ts";
import { toHolder } from "./holders.ts";
import type { LockFile } from "./lock_file.ts";
import {
  allPidfiles,
  type HolderRecord,
  pidfileAt,
  pidfilePlaces,
} from "./pidfiles.ts";
import { type Ask, refused } from "./refusal.ts";

// Of more records than this that nobody can prove dead a shared holder tries to
// be alone for a moment, or hooks that are killed would leave a growing pile.
const PILE = 8;
// Some 2,500 files on ext4, 3,200 on tmpfs: to list 5,000 took Deno 16 ms more.
// Where the size of a folder says nothing, there is a look each time.
const BIG_BYTES = 64 * 1024;

/**
 * Looks into the folder; with the lock it would hold up everybody. A holder of an
 * earlier lock file left its record before, or finds this one at its path.
 *
 * @returns What clears it with the lock in our hands: nothing if a record proves
 * a living holder of another lock file that excludes us. It says who is in the
 * way; `"busy"` if the lock was lost over a pile.
 */
export function findLitter(
  ask: Ask,
  file: LockFile,
): () => OldVersion | "busy" | null {
  const { mode, target: { folder, path } } = ask;
  const isBig = (quickStat(folder)?.size ?? 0) > BIG_BYTES;
  // As long as this is the lock file, nobody can hold another one.
  const isMarked = isBig &&
    lstat(file.path)?.modifiedMs === markOf(file) * 1000;
  const places = isMarked ? [`${path}.pid`] : pidfilePlaces(path);
  return () => {
    const all = places.flatMap((place) => pidfileAt(place) ?? []);
    const elsewhere = all.flatMap(({ record }) =>
      record !== null && provesAnother(path, record, file.identity)
        ? toHolder(record)
        : []
    );
    const holders = elsewhere.filter((one) =>
      mode === "exclusive" || one.mode === "exclusive"
    );
    if (holders.length > 0) {
      const error = (ms: number) => refused(ask, holders, ms, false, true);
      return { isCertain: true, error };
    }
    const pile: string[] = [];
    for (const { path, record } of all) {
      // Nobody can have the file EXCLUSIVE beside us.
      const isLitter = mode === "exclusive" || record?.mode === "exclusive";
      const alive = record && !isFormer(path, record) && isAlive(record);
      if (isLitter || alive === false) remove(path);
      else if (alive === null) pile.push(path);
    }
    if (isBig && !isMarked && !elsewhere.length) {
      setModified(file.path, markOf(file));
    }
    if (pile.length <= PILE) return null;
    file.unlock();
    // It may be read-only for us: enough to share, and to leave a pile.
    if (attempt(() => file.tryLock("exclusive"), false) && !file.isReplaced()) {
      pile.forEach(remove);
    }
    file.unlock();
    return file.tryLock("shared") ? null : "busy";
  };
}

/** `bun --watch` becomes another program in the same process. */
function isFormer(path: string, record: HolderRecord): boolean {
  const { thread, startToken } = self();
  return record.thread === thread && record.startToken === startToken &&
    thread !== null &&
    (lstat(path)?.modifiedMs ?? Infinity) < performance.timeOrigin;
}

/** Whether a record proves a living holder of another lock file than this one. */
export function provesAnother(
  path: string,
  record: HolderRecord,
  identity: string,
): boolean {
  const alive = isAlive(record);
  // On macOS nothing is proved, and it may have been deleted while held.
  return alive !== false && (holdsAnother(path, record, identity) ?? alive ??
    (isPosix() && !provesLives()));
}

/**
 * The same, by the kernel's list, as anybody can plant a record; and it has to
 * be one that was at our path, deleted or moved: with a folder that is copied
 * goes the record of another lock. `null` where that is not shown.
 */
export function holdsAnother(
  path: string,
  { pid, sidecar }: HolderRecord,
  identity: string,
): boolean | null {
  const other = parseIdentity(sidecar);
  if (other === null || sidecar === identity) return false;
  const locks = locksOn(other)?.filter(({ first }) => first >= PENDING);
  if (!locks?.some((lock) => lock.pid === pid)) return locks ? false : null;
  const deleted = `/${partsOf(path).name}.lock (deleted)`;
  return openPaths(pid)?.some((at) => {
    if (at.endsWith(deleted)) return true;
    const found = attempt(() => quickStat(at), null);
    return found?.identity === sidecar && found.size === 0 &&
      allPidfiles(at.replace(/\.lock$/, ""))
        .every(({ record }) => record?.pid !== pid);
  }) ?? true;
}

/** In seconds. It says which file it speaks of, as it is set by a path. */
function markOf({ identity }: LockFile): number {
  return 1 + Number(/\d{1,9}$/.exec(identity));
}
