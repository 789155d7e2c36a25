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
  if (loss === null || files.isAway()) return true;
  if (loss !== "wal" && loss !== "shm") return true;
  const wouldMove = loss === "wal" && hasFrames(connection);
  if (!wouldMove && !files.isTakenOver()) return true;
  return disarm(files.path, loss) || isOpenElsewhere(files.path);
}

function hasFrames(connection: Connection): boolean {
  try {
    return hasPendingFrames(connection);
  } catch {
    return true;
  }
}

/**
 * Without its header an index is made anew from the WAL
 * (https://sqlite.org/walformat.html#the_wal_index_file_format): from the one
 * at the path, with what others wrote there; or from the deleted one, which is
 * of no version that SQLite can read, so that it gives up.
 */
function disarm(path: string, loss: "wal" | "shm"): boolean {
  const unreadable = loss === "shm" ||
    withDeleted(`${path}-wal`, (file) => {
      fileSystem().ftruncateSync(file, 0);
      write(file, headerOfNoVersion());
    });
  const anew = withDeleted(
    `${path}-shm`,
    (file) => write(file, new Uint8Array(136)),
  );
  return loss === "shm" ? anew : unreadable;
}

function write(file: number, bytes: Uint8Array): void {
  fileSystem().writeSync(file, bytes, 0, bytes.length, 0);
}

/** https://sqlite.org/walformat.html#the_wal_header, and as many zeros. */
function headerOfNoVersion(): Uint8Array {
  const header = new DataView(new ArrayBuffer(64));
  // Magic, version, page size.
  [0x377f0682, 1, 4096].forEach((word, i) => header.setUint32(4 * i, word));
  let [sum, sums] = [0, 0];
  for (let at = 0; at < 24; at += 8) {
    sum = (sum + header.getUint32(at, true) + sums) >>> 0;
    sums = (sums + header.getUint32(at + 4, true) + sum) >>> 0;
  }
  header.setUint32(24, sum);
  header.setUint32(28, sums);
  return new Uint8Array(header.buffer);
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
  return pidsAt(locks ?? [], SHARED).some((pid) => pid !== process.pid);
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
