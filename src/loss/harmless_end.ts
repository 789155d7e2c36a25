/**
 * The end of a connection that lost its files must hurt nobody. SQLite, as the
 * last one on a file, moves its frames into the database as it closes, over
 * newer pages, and deletes whatever is called `-wal` now: 0 of 310 rows of an
 * innocent process were left. And every runtime closes what is open at its end.
 */

import type { Connection } from "../driver/contract.ts";
import { attempt } from "../os/builtin.ts";
import { remove, withFile } from "../os/files.ts";
import { WAL_DMS } from "../os/lock_bytes.ts";
import { listsEverybody } from "../os/procfs.ts";
import { identityOf } from "../os/stat.ts";
import { hasPending, truncate } from "../wal/checkpoint.ts";
import { isOpenElsewhere, ownLocks } from "./sqlite_locks.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** Whether who comes takes our `-shm`, and nobody has another WAL by now. */
function isIndexOurs(files: WatchedFiles): boolean {
  return files.beside("others").length === 0 &&
    files.beside("ours").at(-1) === `${files.path}-shm`;
}

/**
 * Moves what is in a WAL that was deleted by hand into the database; also with
 * the WAL-reset bug: after half a checkpoint the database alone is malformed.
 *
 * @returns Whether all of it is there.
 */
export function rescue(connection: Connection, files: WatchedFiles): boolean {
  return isIndexOurs(files) &&
    attempt(() => truncate(connection, 100, files.schema).done, false) &&
    !files.isAway();
}

/** Whether the connection may be closed, after it was disarmed if need be. */
export function isHarmless(
  connection: Connection,
  files: WatchedFiles,
): boolean {
  const loss = files.look() ?? files.lost;
  // Beside another database SQLite leaves all alone (pager.c, databaseIsUnmoved).
  const isWal = loss === "wal";
  if ((!isWal && loss !== "shm") || files.isAway()) return true;
  if (isWal && isIndexOurs(files)) return true;
  const mayMove = isWal &&
    attempt(() => hasPending(connection, files.schema), true);
  // They have begun a `-wal` or `-shm` of their own there.
  const isTakenOver = files.beside("others").length > 0;
  // Others may still read the WAL that was lost: emptied, it takes their frames
  // too. And while we have our lock, nobody who came was the last to close, and
  // took his files away: so nobody came, and SQLite may move all of it.
  const isUsed = () => isOpenElsewhere(files.path) || ownLocks(files.path)[0]();
  if (!isTakenOver && (!mayMove || isUsed())) return true;
  // Of a lost pair the index alone is made useless: the WAL may be somebody's
  // copy. To write a frame that SQLite cannot read failed where newcomers had
  // made the database larger, and it deleted their `-wal`.
  const isPair = isWal && files.beside("ours").length === 0;
  if (isWal && !isPair && !mayMove) return isOpenElsewhere(files.path);
  const disarm = (at: string): boolean =>
    withFile(at, "r+", (file, by) => {
      // From an emptied WAL SQLite can read no frame, and gives up both. Without
      // its header an index is made anew from the WAL at the path, with what
      // others wrote there; with a whole one of version 0 SQLite does nothing
      // (https://sqlite.org/walformat.html#the_wal_index_file_format). The locks
      // that go with them are on a file that nobody can open any more.
      const header = new Uint8Array(136);
      const sums = [[12, 1], [40, 8], [44, 13]] as const;
      for (const [i, n] of isPair ? sums : []) header[i] = header[i + 48] = n;
      if (isWal && !isPair) by.ftruncateSync(file, 0);
      else by.writeSync(file, header, 0, 136, 0);
      return true;
    });
  // What is at the path may have the inode of one that was closed.
  const there = ["-wal", "-shm"].map((end) => files.path + end);
  const lost = files.opened(isWal && !isPair ? "-wal" : "-shm")
    .filter(([, name]) => !there.includes(name));
  return lost.length > 0 &&
      lost.every(([at]) => attempt(() => disarm(at), false)) ||
    isOpenElsewhere(files.path);
}

/**
 * Clears away what SQLite would leave at a path that leads to another database
 * now. Whoever opens that next would take `-wal` and `-shm` for the new file's,
 * and write the old pages over it. While we have them open no newcomer of ours
 * takes them; between the close and the clearing one did.
 */
export function clearBeside(connection: Connection, files: WatchedFiles): void {
  if (!files.isAway() || !files.beside("ours").length) return;
  // Beside a -shm that others use our -wal is theirs by now; a mere copy that was
  // put there kept our -wal there too, and whoever came read it over the new file.
  const isShmUsed = () => isOpenElsewhere(`${files.path}-shm`, WAL_DMS);
  const isTheirs = files.beside("others").length > 0;
  if (isTheirs && (!listsEverybody() || isShmUsed())) return;
  // What is in the WAL goes into its own file, which may live on by another
  // name; unless others have it open there, by a WAL of their own.
  attempt(() => truncate(connection, 100, files.schema), null);
  // It may be back at its path, or may come back, with others on it.
  const isUsed = identityOf(files.path) === null && isShmUsed();
  if (files.isAway() && !isUsed) files.beside("ours").forEach(remove);
}
