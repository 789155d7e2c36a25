/**
 * The kernel lock: a transaction kept open on an empty SQLite file.
 *
 * SQLite takes a POSIX (or LockFileEx) lock for it, which the kernel frees
 * with the process, and which every runtime's SQLite respects
 * (https://sqlite.org/lockingv3.html).
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { isBusy, primaryCode, SQLITE } from "../driver/failure.ts";
import { openConnection } from "../driver/runtime.ts";
import { LitelatchError, UnsupportedError } from "../errors.ts";
import type { LockMode } from "../options.ts";
import { identityOf } from "../os/look.ts";

// user_version=0 writes page 1 in memory: on a sidecar that cannot be written
// BEGIN EXCLUSIVE succeeds as a mere read lock, and four processes "held" it.
// journal_mode=MEMORY, because a journal file would fail on a full disk.
const TAKE = {
  exclusive:
    "PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version=0",
  shared: "BEGIN; PRAGMA user_version",
};

/** An open sidecar, locked or not. */
export class Sidecar {
  readonly path: string;
  /** `dev:ino` of the file that is open. */
  readonly identity: string;
  readonly #connection: Connection;

  /** Opens the sidecar, and creates it where it is missing. */
  constructor(path: string) {
    this.path = path;
    const { connection, identity } = openIdentified(path);
    this.#connection = connection;
    this.identity = identity;
    this.#connection.exec("PRAGMA busy_timeout=0");
  }

  /** Tries once. `false` if somebody has a lock that excludes this one. */
  tryLock(mode: LockMode): boolean {
    try {
      this.#connection.exec(TAKE[mode]);
    } catch (error) {
      this.unlock();
      if (isBusy(error)) return false;
      throw explained(this.path, error);
    }
    // Bun up to 1.4.3 loses the error of any statement but the last.
    if (!this.#connection.inTransaction()) return false;
    if (!this.isReplaced()) return true;
    this.unlock();
    return false;
  }

  /** Whether the path leads to another file than the one that is open. */
  isReplaced(): boolean {
    return identityOf(this.path) !== this.identity;
  }

  /** Lets the lock go, if there is one. */
  unlock(): void {
    try {
      this.#connection.exec("ROLLBACK");
    } catch {
      // There was no transaction.
    }
  }

  /** Lets the lock go and closes the file. */
  close(): void {
    this.unlock();
    this.#connection.close();
  }
}

const MOST_OPENS = 10;

/**
 * Opens the file, and says which one it is. No runtime tells what its SQLite
 * has open, so the path is asked before and after: a file that was deleted and
 * made anew in between would be locked under the name of the new one, whose
 * holder's record would then be taken for litter.
 */
function openIdentified(
  path: string,
): { connection: Connection; identity: string } {
  for (let opens = 1;; opens++) {
    const before = identityOf(path);
    let connection: Connection;
    try {
      connection = openConnection(path, { readOnly: false, create: true });
    } catch (error) {
      throw explained(path, error);
    }
    const identity = identityOf(path);
    if (identity !== null && identity === before) {
      return { connection, identity };
    }
    connection.close();
    if (opens >= MOST_OPENS) {
      throw new LitelatchError(
        "LITELATCH_OPEN",
        `Cannot use the lock file "${path}": it must stay where it is, but ` +
          `it was deleted or replaced ${opens} times while it was opened`,
      );
    }
  }
}

function explained(path: string, error: unknown): Error {
  const cause = { cause: error };
  const said = error instanceof Error ? error.message : String(error);
  switch (primaryCode(error)) {
    case SQLITE.CANTOPEN:
      return new LitelatchError(
        "LITELATCH_OPEN",
        `Cannot open the lock file "${path}": it must be a file that this ` +
          "user can create and write; check the rights of the folder, or " +
          'open with { lock: "none" } where it is read-only',
        cause,
      );
    case SQLITE.READONLY:
      return new LitelatchError(
        "LITELATCH_OPEN",
        `Cannot lock exclusively: the lock file "${path}" must be writable ` +
          "for this user; give it the rights of the database",
        cause,
      );
    case SQLITE.NOTADB:
      return new LitelatchError(
        "LITELATCH_OPEN",
        `Cannot lock: the lock file "${path}" must be empty, but it is a ` +
          "file of something else; move it away, or use another path",
        cause,
      );
    case SQLITE.IOERR:
      return new UnsupportedError(
        `Cannot lock: the filesystem failed on the lock file "${path}" ` +
          `(${said})`,
        cause,
      );
  }
  return new LitelatchError(
    "LITELATCH_OPEN",
    `Cannot use the lock file "${path}": ${said}`,
    cause,
  );
}
