/**
 * The end of a connection that lost its files must hurt nobody. SQLite, as the
 * last one on a file, moves its frames into the database as it closes, over
 * newer pages, and deletes whatever is called `-wal` now: 0 of 310 rows of an
 * innocent process were left. And every runtime closes what is open at its end.
 */

import type { Connection } from "../driver/contract.ts";
import { primaryCode, SQLITE } from "../driver/result_codes.ts";
import { openBeside } from "../driver/runtime.ts";
import { attempt } from "../os/builtin.ts";
import { sleepSync } from "../os/clock.ts";
import { atExit } from "../os/exit_hooks.ts";
import { remove } from "../os/files.ts";
import { WAL_DMS } from "../os/lock_bytes.ts";
import { listsEverybody } from "../os/procfs.ts";
import { handlesOn } from "../os/shared_state.ts";
import { identityOf } from "../os/stat.ts";
import { checkpoint } from "../wal/checkpoint.ts";
import { isOpenElsewhere, ownLocks } from "./sqlite_locks.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** Whether who comes takes our `-shm`, and nobody has another WAL by now. */
function isIndexOurs(files: WatchedFiles): boolean {
  return !files.isAway() && files.beside("others").length === 0 &&
    files.beside("ours").at(-1) === `${files.path}-shm`;
}

/**
 * Moves what is in a WAL that was deleted by hand into the database; also with
 * the WAL-reset bug: after half a checkpoint the database alone is malformed.
 *
 * @returns Whether all of it is there; not where others came meanwhile, and
 * wrote on what was there before.
 */
export function rescue(connection: Connection, files: WatchedFiles): boolean {
  if (!isIndexOurs(files)) return false;
  // Who deletes a -wal deletes the -shm next: a newcomer without that reads what
  // is half moved. 4 of 125 such databases were malformed, with this pause 1.
  sleepSync(5);
  return isIndexOurs(files) && empties(connection, files) && isIndexOurs(files);
}

function empties(connection: Connection, { schema }: WatchedFiles): boolean {
  const empty = () => checkpoint(connection, "TRUNCATE", 100, schema).done;
  return attempt(empty, false);
}

/** Whether to close it as the last one could take something from others. */
function isHarmful(files: WatchedFiles): boolean {
  const loss = files.look() ?? files.lost;
  // Beside another database SQLite leaves all alone (pager.c, databaseIsUnmoved).
  if ((loss !== "wal" && loss !== "shm") || files.isAway()) return false;
  // While we have our lock, nobody who came was the last to close, and took his
  // files away: so nobody came, and SQLite may move all that is in the WAL.
  const isOurs = isIndexOurs(files) || ownLocks(files.path)[0]();
  return !isOurs || files.beside("others").length > 0;
}

/**
 * Closes a connection, and leaves the files that it lost as they are.
 *
 * @param forOwner Whether also one that is adopted; else at the exit.
 */
export function closeHarmlessly(
  connection: Connection,
  all: readonly WatchedFiles[],
  forOwner: boolean,
): void {
  // The files of others have the inodes of ours by then.
  if (!attempt(() => connection.isOpen(), false)) {
    forget(connection);
    return attempt(() => connection.close(), undefined);
  }
  for (const files of all) attempt(() => clearBeside(connection, files), null);
  // Where nothing can be looked at, nothing can be taken either.
  const harmful = all.filter((files) => attempt(() => isHarmful(files), false))
    .map(({ path }) => path);
  closeBefore(connection, harmful, forOwner);
}

// What cannot be closed without harm must not be collected before the exit
// either; its owner may close an adopted one before that, and the handle too.
const waiting = new Map<Connection, () => void>();

function forget(connection: Connection): void {
  waiting.get(connection)?.();
  waiting.delete(connection);
}

/**
 * Closes a connection so that it is not the last one on these databases. As the
 * last one SQLite must lock the file for writing (wal.c, sqlite3WalClose), which
 * no read-only connection can (fcntl(2), EBADF): so one of these goes last.
 */
export function closeBefore(
  connection: Connection,
  paths: string[],
  forOwner: boolean,
): void {
  forget(connection);
  const inOrder = [connection];
  const isReady = paths.every((path) => {
    const last = attempt(() => openBeside(connection, path), null);
    if (last === null) return identityOf(path) === null;
    inOrder.push(last);
    try {
      last.value("PRAGMA user_version");
      return true;
    } catch (error) {
      // Otherwise it is the WAL that cannot be read, and the file is locked.
      return primaryCode(error) !== SQLITE.CANTOPEN;
    }
  });
  const closeAll = () => {
    for (const one of inOrder) one.close(true);
    forget(connection);
  };
  // For want of descriptors, it may be.
  const tryAnew = () => {
    if (connection.isOpen()) closeBefore(connection, paths, true);
  };
  if (paths.length > 0) {
    waiting.set(connection, atExit(isReady ? closeAll : tryAnew));
  }
  // One that locks nothing is of no use at the next try either.
  if (!isReady) inOrder.splice(1).forEach((one) => one.close());
  else if (connection.owned || forOwner) closeAll();
}

/**
 * Clears away what SQLite would leave at a path that leads to another database
 * now. Whoever opens that next would take `-wal` and `-shm` for the new file's,
 * and write the old pages over it. While we have them open no newcomer of ours
 * takes them; between the close and the clearing one did.
 */
function clearBeside(connection: Connection, files: WatchedFiles): void {
  if (!files.isAway() || !files.beside("ours").length || isTheirs(files)) {
    return;
  }
  // What is in the WAL goes into its own file, which may live on by another
  // name; unless others have it open there, by a WAL of their own.
  const isDone = empties(connection, files);
  // It may be back at its path, or may come back, with others on it; and what a
  // reader cannot move, another handle of ours can. But beside another database
  // it goes, as whoever opens that would read it once we all are gone.
  const isUsed = identityOf(files.path) === null &&
    (isShmUsed(files) || !isDone && handlesOn(files.path).length > 1);
  if (files.isAway() && !isUsed) files.beside("ours").forEach(remove);
}

/**
 * Beside a -shm that others use our -wal is theirs by now; a mere copy that was
 * put there kept our -wal there too, and whoever came read it over the new file.
 */
function isTheirs(files: WatchedFiles): boolean {
  return files.beside("others").length > 0 &&
    (!listsEverybody() || isShmUsed(files));
}

function isShmUsed({ path }: WatchedFiles): boolean {
  return isOpenElsewhere(`${path}-shm`, WAL_DMS);
}

/** Moves all commits into a database that was moved. Whether all are there. */
export function moveAll(connection: Connection, files: WatchedFiles): boolean {
  if (files.isDeleted()) return false;
  const move = () => checkpoint(connection, "PASSIVE", 0, files.schema).done;
  return files.beside("ours").length === 0 ||
    !isTheirs(files) && attempt(move, false);
}
