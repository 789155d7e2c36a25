/**
 * Fencing: the database itself refuses a holder that was succeeded.
 *
 * A lease is asked whether it stands before COMMIT, but between that answer and
 * the commit a process can be stopped for as long as anybody likes. So the
 * database keeps the highest fence it has seen, and every write looks at it in
 * its own transaction. A new holder raises it before it reads anything; from
 * then on no older holder commits.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { LockLostError, UnsupportedError } from "../errors.ts";
import type { Attachment, LeasedDatabase, LeaseLike } from "../options.ts";
import { printable } from "../printable.ts";
import { type Standing, standing } from "./standing.ts";

const MOST_OF_A_NAME = 200;

/**
 * Makes a database refuse every write of a holder that was succeeded, whatever
 * the clocks of that holder say. The database keeps the highest fence of its
 * leases, in the table `litelatch_fence`, which {@linkcode open} raises at once.
 * From then on only `write()` and `writeAsync()` may write on that handle.
 *
 * @param lease An exclusive lease.
 * @returns What to give to `open` as its `lease`.
 * @throws {TypeError} If it is no lease, or a shared one: shared holders have
 * different fences, and would refuse each other.
 *
 * @example A database that others take over
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { acquireLease, fenced } from "@litelatch/litelatch/etcd";
 *
 * const endpoints = ["http://127.0.0.1:2379"];
 * const lease = await acquireLease("orders", { endpoints });
 * const db = open("orders.db", { lease: fenced(lease) });
 * db.write(() => db.exec("CREATE TABLE IF NOT EXISTS item (name TEXT)"));
 * db.close();
 * await lease.release();
 * ```
 */
export function fenced(lease: Standing): LeaseLike {
  // A promise of one, without await, has none either.
  if (typeof Object(lease).held !== "boolean") {
    throw new TypeError(
      "Cannot fence: the lease must be one of acquireLease(), awaited",
    );
  }
  if (lease.mode !== "exclusive") {
    throw new TypeError(
      `Cannot fence with the lease "${
        printable(lease.path, MOST_OF_A_NAME)
      }": it must be exclusive, got a shared one`,
    );
  }
  return {
    attach: (database) => ({
      ...standing(lease, database),
      ...fenceOf(lease, database),
    }),
  };
}

/**
 * The fence of one handle: its connection is shut but for the transactions of
 * `write()`. The hooks need no `this`, so they may be called on their own.
 */
function fenceOf(lease: Standing, database: LeasedDatabase): Attachment {
  let isOpen = false;
  let hasEnded = false;
  // Whether the table was there when a transaction began.
  let hasTable = false;
  const shut = (): void => {
    isOpen = false;
    if (!hasEnded) database.exec("PRAGMA query_only=1");
  };
  shut();
  return {
    beforeBegin() {
      database.exec("PRAGMA query_only=0");
      isOpen = true;
    },
    begun() {
      // Each time until it is committed: the transaction may be rolled back.
      if (!hasTable) database.exec(TABLE);
      hasTable = raise(lease, database);
    },
    afterWrite: shut,
    connected() {
      hasTable = false;
      shut();
    },
    explain: (error) =>
      isOpen || !isReadonly(error) ? error : outside(database.path, error),
    end() {
      hasEnded = true;
    },
  };
}

const TABLE = "CREATE TABLE IF NOT EXISTS litelatch_fence (" +
  "id INTEGER PRIMARY KEY CHECK (id = 1), fence INTEGER NOT NULL)";

/**
 * Looks at the fence in the transaction of a write, so nobody raises it before
 * that one ends.
 *
 * @returns Whether it was ours before.
 */
function raise(lease: Standing, database: LeasedDatabase): boolean {
  const { fence, path: name } = lease;
  const { path } = database;
  // As text: a number of 64 bits is none of JavaScript's.
  const text = database.value(
    "SELECT CAST(max(fence) AS TEXT) FROM litelatch_fence",
  );
  const highest = typeof text === "string" ? BigInt(text) : null;
  if (highest === BigInt(fence)) return true;
  if (highest !== null && highest > fence) {
    throw new LockLostError(
      `Cannot write to "${path}", and nothing was written: the fence of ` +
        `lease "${printable(name, MOST_OF_A_NAME)}" is ${fence}, and the ` +
        `database has seen ${highest}. ` +
        "Another holder has taken over since; acquire the lease again, and " +
        "open the database anew. (After etcd was set up anew its numbers " +
        "begin anew: then DELETE FROM litelatch_fence, once.)",
    );
  }
  database.exec(`INSERT OR REPLACE INTO litelatch_fence VALUES(1,${fence})`);
  return false;
}

/** A write that did not go through `write()` fails in SQLite itself. */
function outside(path: string, error: unknown): UnsupportedError {
  return new UnsupportedError(
    `Cannot write to "${path}" outside of write(): with fencing, each ` +
      "transaction must look at the fence; put it into write() or writeAsync()",
    { cause: error },
  );
}

/** Whether SQLite refused a write; a text alone may be anybody's. */
function isReadonly(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" &&
    /^(?:ERR_SQLITE_ERROR$|SQLITE_READONLY)/.test(code) &&
    /^attempt to write a readonly database/.test(messageOf(error));
}
