/** Whose locks of SQLite the kernel lists on a database. @module */

import type { Connection } from "../driver/contract.ts";
import { openConnection } from "../driver/runtime.ts";
import { UnsupportedError } from "../errors.ts";
import { nameOf } from "../lock/holders.ts";
import { allPidfiles } from "../lock/pidfiles.ts";
import { attempt } from "../os/builtin.ts";
import { SHARED, WAL_DMS } from "../os/lock_bytes.ts";
import {
  descriptorsOf,
  descriptorsOn,
  locksAt,
  locksOn,
  locksOnEach,
  openPaths,
  pidsAt,
  readProcLink,
  showsOthers,
} from "../os/procfs.ts";
import { self } from "../os/process.ts";
import { identityOf, stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** Whether this process has a lock; `null` where the kernel does not tell. */
type OwnLock = () => boolean | null;

/**
 * A lock that SQLite keeps as long as this process has a file open. To ask the
 * descriptor at which it is listed is quicker than to read `/proc/locks`.
 */
function ownLock(path: string, byte: number): OwnLock {
  let listedAt: string | undefined;
  const isListedAt = (descriptor: string): boolean =>
    pidsAt(locksAt("self", descriptor) ?? [], byte).length > 0;
  return () => {
    if (listedAt !== undefined && isListedAt(listedAt)) return true;
    const found = descriptorsOn(identityOf(path));
    listedAt = found?.find(isListedAt);
    return found && listedAt !== undefined;
  };
}

/** On the database, its `-shm` and its lock file. */
export function ownLocks(path: string): [OwnLock, OwnLock, OwnLock] {
  const own = (end: string) => ownLock(path + end, SHARED);
  return [own(""), ownLock(`${path}-shm`, WAL_DMS), own(".lock")];
}

/**
 * Whether another process has a file open: while it has the database, no close
 * is the last one. With `write`, whether it closes it as the last one now.
 */
export function isOpenElsewhere(
  path: string,
  byte = SHARED,
  write = false,
): boolean {
  return pidsAt(locksOn(stat(path)) ?? [], byte, write)
    .some((pid) => pid !== self().pid);
}

/**
 * Takes the lock on the database anew, and loses nothing that was set on the
 * connection. SQLite can leave WAL mode, and come back, only where no other
 * process is there. It moves the WAL for that: look for it right before.
 *
 * @returns Whether there is another WAL now.
 */
export function retakeDatabaseLock(connection: Connection): boolean {
  const set = (one: string) =>
    attempt(() => connection.value(`PRAGMA main.${one}`), null);
  const hasLeft = set("journal_mode=DELETE") === "delete";
  const isBack = set("journal_mode=WAL") === "wal";
  // The lock is taken at the first read.
  set("user_version");
  return hasLeft && isBack;
}

/**
 * Whether nobody can be there whom {@linkcode refuseForeign} would refuse, since
 * SQLite gives us the file alone; it is made WAL's own as it is. To read the
 * kernel's list takes 8 to 16 ms, and was half of a hook's start: the kernel
 * waits for all processors first (fs/locks.c, `locks_start`). Beside others it
 * is read: that one of them has looked says nothing about who came after him.
 */
export function isAlone({ path, open }: WatchedFiles): boolean {
  if (!showsOthers()) return true; // Nobody could be seen.
  if (open["-wal"] !== null || open["-shm"] !== null) return false;
  let probe: Connection | undefined;
  try {
    probe = openConnection(path);
    // In this mode SQLite locks the database itself for the WAL's first use
    // (pager.c, pagerOpenWal), and makes no -shm.
    probe.value("PRAGMA locking_mode=EXCLUSIVE");
    probe.exec("BEGIN EXCLUSIVE");
    return true;
  } catch {
    return false;
  } finally {
    probe?.close();
  }
}

/**
 * Whether a process is amid a write or a checkpoint by a `-shm` that was deleted.
 * To look first comes too late: it may begin the WAL anew, over frames that
 * whoever comes now has just found there. Who begins later looks, and sees.
 */
function isAtWork(pid: number, path: string): boolean {
  return descriptorsOf(pid)?.some((at) =>
    readProcLink(`${pid}/fd/${at}`) === `${path}-shm (deleted)` &&
    locksAt(pid, at)?.some(({ write }) => write)
  ) ?? false;
}

// Who opens or closes has only some of its files and locks for a moment, which
// lasts where there is more to do than processors: 93 ms in all.
const LOOKS = 6;
const FIRST_PAUSE_MS = 3;

/**
 * Refuses what a living process does with other files than those at the path.
 *
 * One that has the file open by another name has another `-wal` there: what one
 * of them commits the other never sees. And by a `-shm` or `-wal` of another
 * database, which was there before, or the one without the other, SQLite would
 * read old pages, and write them over the file as it closes.
 *
 * @param isOpen Whether we have it open: then those that use the `-shm` at the
 * path were looked at.
 */
export function* refuseForeign(path: string, isOpen: boolean): Waiting<void> {
  let found = foreigners(path, isOpen);
  for (let looks = 1; looks < LOOKS && found.length > 0; looks++) {
    yield FIRST_PAUSE_MS * 2 ** (looks - 1);
    const again = foreigners(path, isOpen).map(({ pid }) => pid);
    found = found.filter(({ pid }) => again.includes(pid));
  }
  for (const { pid, why } of found) {
    throw new UnsupportedError(
      `Cannot open the database "${path}": ${nameOf(path, pid)} ${why}. Stop ` +
        "that process first.",
    );
  }
}

/** Processes with other files than those at the path, and what each does. */
function foreigners(
  path: string,
  isOpen: boolean,
): { pid: number; why: string }[] {
  const wal = stat(`${path}-wal`);
  const shm = stat(`${path}-shm`);
  if (wal === null && shm === null) return [];
  const [onFile = [], onShm = []] = locksOnEach([stat(path), shm]) ?? [];
  const own = self().pid;
  const users = pidsAt(onShm, WAL_DMS);
  // In WAL mode every connection keeps a lock on both; these have only one.
  const holders = pidsAt(onFile, SHARED);
  const asked = holders.filter((pid) => !users.includes(pid));
  const recorded = () =>
    allPidfiles(path).flatMap(({ record }) => record?.pid ?? []);
  if (!isOpen) {
    // Without their -shm nobody can be asked who has the -wal open, but those
    // that left a record.
    const isUnused = users.every((pid) => pid === own) && wal && wal.size > 0;
    asked.push(...isUnused ? recorded() : users);
  }
  return asked.flatMap((pid) => {
    if (pid === own) return [];
    const names = openPaths(pid) ?? [];
    const has = (end: string) => names.includes(path + end);
    // Whoever reads the new file by fs has that open too, for a moment.
    const isOfOld = !has("") || has(" (deleted)") && !holders.includes(pid);
    // A -shm that was deleted at this very name is another matter: a loss, which
    // those notice that left a record.
    const isLost = has("-shm (deleted)");
    const hasOther = isOpen && !has("-shm") && !isLost &&
      names.some((name) => /-shm(?: \(deleted\))?$/.test(name));
    // SQLite opens the database, the -wal and the -shm in this order, and
    // closes them in the other; a lost one beside a new one (closeBefore).
    const why = (has("-shm") || has("-wal")) && isOfOld
      ? "works with the -wal beside it, but has another file open, which was at this path before"
      : has("-shm") && (!has("-wal") || has("-wal (deleted)"))
      ? "works with the -shm beside it, but the -wal was deleted"
      : isLost && (isAtWork(pid, path) || isOpen && !recorded().includes(pid))
      ? "writes to this -wal by a deleted -shm"
      : hasOther
      ? "has the same file open by another name (renamed, linked or mounted), and each name has a WAL of its own"
      : null;
    return why === null ? [] : { pid, why };
  });
}
