/**
 * Whether this process still has SQLite's locks on its files, and how it gets
 * one back.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { SHARED, WAL_DMS } from "../os/lock_bytes.ts";
import { hasOwnLock } from "../os/procfs.ts";
import { stat } from "../os/stat.ts";

/** Which locks the kernel lists for us; `null` where it does not tell. */
export interface OwnLocks {
  database: boolean | null;
  shm: boolean | null;
}

/** Asks the kernel. */
export function ownLocks(path: string): OwnLocks {
  return {
    database: hasLock(path, SHARED),
    shm: hasLock(`${path}-shm`, WAL_DMS),
  };
}

/**
 * Takes the lock on the database anew, by the same connection, so that nothing
 * that was set on it is lost. To leave WAL mode SQLite needs an exclusive lock;
 * where others are there it gets none, and takes its shared one again, by
 * fcntl (os_unix.c, unixUnlock). Where it is alone, it comes back at once.
 */
export function retakeDatabaseLock(connection: Connection): void {
  for (const mode of ["DELETE", "WAL"]) {
    try {
      connection.value(`PRAGMA journal_mode=${mode}`);
    } catch {
      // Busy, as expected; the kernel will tell what came of it.
    }
  }
}

function hasLock(path: string, byte: number): boolean | null {
  const file = stat(path);
  return file === null ? null : hasOwnLock(file, byte);
}
