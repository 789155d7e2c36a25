/** Applies each setting, and reads it back: SQLite is silent about a refusal. */

import type { Connection } from "../driver/contract.ts";
import { PragmaError } from "../errors.ts";
import { WatchedFiles } from "../loss/watched_files.ts";
import { now } from "../os/clock.ts";
import { readSmall } from "../os/files.ts";
import { onFilesystem } from "../os/filesystem.ts";
import { WAL_WRITE } from "../os/lock_bytes.ts";
import { locksOn, openPaths, pidsAt, processStat } from "../os/procfs.ts";
import { stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";
import type { Settings } from "../settings.ts";
import { versionOf, whyNoCheckpoints } from "../wal/checkpoint.ts";
import { Turns } from "./turns.ts";

// https://sqlite.org/pragma.html#pragma_synchronous
const SYNCHRONOUS = { normal: 1, full: 2 };

/**
 * Brings a connection to its settings. It waits here and not in SQLite, so that
 * openAsync can go on and be aborted, and as the switch to WAL ignores the busy
 * handler: of 288 processes that made it at once 72 to 79 % failed, and none
 * where the mode is read first and the switch is tried again.
 *
 * @param path The file; `null` for a database in memory.
 */
export function* configure(
  connection: Connection,
  settings: Settings,
  path: string | null,
): Waiting<WatchedFiles | null> {
  set(connection, "busy_timeout", settings.busyTimeout);
  if (path === null) {
    apply(connection, settings);
    return null;
  }
  yield* new Turns(connection, settings, path)
    .wait(() => {
      if (isIndexInTheMaking(path)) {
        throw Object.assign(Error("it is recovered"), { code: "SQLITE_BUSY" });
      }
      switchToWal(connection, settings, path);
      apply(connection, settings);
      // SQLite opens `-wal` and `-shm` at the first read: what was put in
      // their place after that is not what is open.
      connection.value("PRAGMA user_version");
    }, now());
  return new WatchedFiles(path, !settings.readOnly);
}

function apply(connection: Connection, settings: Settings): void {
  // The owner of an adopted connection may have chosen a stricter one. It is
  // set in any case: some builds lower what was not set (WAL_SYNCHRONOUS).
  const strict = connection.owned
    ? 0
    : Number(connection.value("PRAGMA synchronous"));
  const synchronous = Math.max(strict, SYNCHRONOUS[settings.synchronous]);
  set(connection, "synchronous", synchronous);
  // On macOS a disk may keep in its cache what was merely synchronized.
  if (synchronous > 1) set(connection, "fullfsync", 1);
  set(connection, "foreign_keys", settings.foreignKeys ? 1 : 0);
  set(connection, "journal_size_limit", settings.journalSizeLimit);
  // Where checkpoints are ours, none comes inside of a COMMIT; see walUpkeep.
  const isOurs = connection.owned && !whyNoCheckpoints(versionOf(connection));
  const pages = isOurs ? 0 : settings.walAutocheckpoint;
  set(connection, "wal_autocheckpoint", pages);
}

function switchToWal(
  connection: Connection,
  { readOnly }: Settings,
  path: string,
): void {
  // A read-only connection takes the database as it is.
  if (connection.value("PRAGMA journal_mode") === "wal" || readOnly) return;
  const mode = connection.value("PRAGMA journal_mode=WAL");
  if (mode === "wal") return;
  throw new PragmaError(
    `Cannot switch "${path}" to WAL: SQLite keeps the journal mode "${mode}"` +
      `${onFilesystem(path)}. WAL needs shared memory, which network ` +
      "filesystems lack: use a local disk.",
    "journal_mode",
    "wal",
    String(mode),
  );
}

// What the first of all has made by now: the index is written in blocks.
const LEAST_INDEX_BYTES = 32768;

/**
 * Whether another process has begun to make the `-shm`. If it was stopped there
 * SQLite waits ten seconds, whatever the timeout (wal.c, walTryBeginRead).
 */
function isIndexInTheMaking(path: string): boolean {
  const shm = stat(`${path}-shm`);
  const locks = shm && locksOn(shm);
  if (!shm || !locks?.length) return false;
  if (shm.size < LEAST_INDEX_BYTES) return true;
  const isStopped = pidsAt(locks, WAL_WRITE, true)
    .some((pid) => /^t/i.test(processStat(pid)?.state ?? ""));
  // To read it would drop locks of this process, if it has the file open.
  return isStopped && openPaths("self")?.includes(`${path}-shm`) === false &&
    readSmall(`${path}-shm`)?.startsWith("\0".repeat(48)) === true;
}

function set(connection: Connection, name: string, wanted: number): void {
  connection.exec(`PRAGMA ${name}=${wanted}`);
  const got = connection.value(`PRAGMA ${name}`);
  if (got === wanted) return;
  throw new PragmaError(
    `Cannot set the pragma ${name}: it must be ${wanted}, SQLite says ${got}`,
    name,
    wanted,
    got as number | null,
  );
}
