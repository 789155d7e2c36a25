/**
 * Whether this process still has SQLite's locks on its files, and how it gets
 * one back.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { SHARED, WAL_DMS } from "../os/lock_bytes.ts";
import { locksOn, pidsAt } from "../os/procfs.ts";
import { self } from "../os/process.ts";
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
 * that was set on it is lost. Only where no other process is there: then SQLite
 * can leave WAL mode, and come back.
 */
export function retakeDatabaseLock(connection: Connection): void {
  try {
    connection.value("PRAGMA journal_mode=DELETE");
  } catch {
    // Somebody is there. It may also be back in WAL mode only now.
  }
  try {
    connection.value("PRAGMA journal_mode=WAL");
    // It is taken at the first read.
    connection.value("SELECT count(*) FROM sqlite_schema");
  } catch {
    // The kernel will tell what came of it.
  }
}

function hasLock(path: string, byte: number): boolean | null {
  const file = stat(path);
  const locks = file && locksOn(file);
  return locks && pidsAt(locks, byte).includes(self().pid);
}
