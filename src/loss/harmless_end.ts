/**
 * What becomes of a connection that lost its files: its commits are brought to
 * safety where they can be, and its end must hurt nobody.
 *
 * When SQLite takes itself for the last one on a file, it moves its frames into
 * the database as it closes, over newer pages, and deletes whatever is called
 * `-wal` now: 0 of 310 rows of an innocent process were left. To leave the
 * connection open is not enough, since every runtime closes what is open when
 * the program has run to its end.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { fileSystem } from "../os/builtin.ts";
import { remove } from "../os/files.ts";
import { SHARED } from "../os/lock_bytes.ts";
import { descriptorsOf, locksOn, pidsAt, readProcLink } from "../os/procfs.ts";
import { self } from "../os/process.ts";
import { quickStat, stat } from "../os/stat.ts";
import { hasPendingFrames, truncate } from "../wal/checkpoint.ts";
import type { Loss, WatchedFiles } from "./watched_files.ts";

/**
 * Moves what is in a WAL that was deleted by hand into the database; also with
 * the WAL-reset bug, since what would be lost otherwise weighs more.
 *
 * @returns Whether all of it is there.
 */
export function rescue(connection: Connection, files: WatchedFiles): boolean {
  if (!files.isOnlyWalMissing()) return false;
  try {
    return truncate(connection, 100).done;
  } catch {
    return false;
  }
}

/** Whether the connection may be closed, after it was disarmed if need be. */
export function isHarmless(
  connection: Connection,
  files: WatchedFiles,
  loss: Loss | null,
): boolean {
  // With another database at the path SQLite leaves everything alone
  // (pager.c, databaseIsUnmoved).
  if ((loss !== "wal" && loss !== "shm") || files.isAway()) return true;
  const mayMove = loss === "wal" && mayHaveFrames(connection);
  if (!mayMove && !files.isTakenOver()) return true;
  return (loss === "shm" || mayMove) && disarm(files.path, loss) ||
    isOpenElsewhere(files.path);
}

function mayHaveFrames(connection: Connection): boolean {
  try {
    return hasPendingFrames(connection);
  } catch {
    return true;
  }
}

/**
 * From an emptied WAL SQLite can read no frame, and gives up both. Without its
 * header an index is made anew from the WAL at the path, with what others wrote
 * there (https://sqlite.org/walformat.html#the_wal_index_file_format).
 */
function disarm(path: string, loss: "wal" | "shm"): boolean {
  const fs = fileSystem();
  return loss === "wal"
    ? withDeleted(`${path}-wal`, (file) => fs.ftruncateSync(file, 0))
    : withDeleted(
      `${path}-shm`,
      (file) => void fs.writeSync(file, new Uint8Array(136), 0, 136, 0),
    );
}

/** Uses each file that this process has open, and that was deleted at `path`. */
function withDeleted(path: string, use: (file: number) => void): boolean {
  const fs = fileSystem();
  let used = false;
  for (const name of descriptorsOf("self") ?? []) {
    if (readProcLink(`self/fd/${name}`) !== `${path} (deleted)`) continue;
    try {
      const file = fs.openSync(`/proc/self/fd/${name}`, "r+");
      // The locks that go with it are on a file that nobody can open any more.
      try {
        use(file);
        used = true;
      } finally {
        fs.closeSync(file);
      }
    } catch {
      return false;
    }
  }
  return used;
}

/** While another process has the database open, no close is the last one. */
function isOpenElsewhere(path: string): boolean {
  const file = stat(path);
  const locks = file === null ? null : locksOn(file);
  return pidsAt(locks ?? [], SHARED).some((pid) => pid !== self().pid);
}

/**
 * Prepares the end of a connection whose path leads to another database now.
 * SQLite leaves `-wal` and `-shm` there, and whoever opens that path next takes
 * them for the new file's: it reads the old content, integrity_check says ok,
 * and the next checkpoint writes the old pages over the new file.
 *
 * @returns What to do once it is closed: to clear them away.
 */
export function leaveBeside(
  connection: Connection,
  files: WatchedFiles,
): () => void {
  const left = files.isAway() ? files.ownBeside() : [];
  // What is in the WAL goes into its own file, which may live on by another
  // name; unless others have it open there, by a WAL of their own.
  if (left.length > 0) {
    try {
      truncate(connection, 100);
    } catch {
      // It was opened to be read only, or somebody else is at it.
    }
  }
  return () => {
    for (const { path, ino } of left) {
      if (quickStat(path)?.ino === ino) remove(path);
    }
  };
}
