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

import { LockLostError, UnsupportedError } from "../errors.ts";
import type {
  Attachment,
  LeasedDatabase,
  LeaseLike,
  LockMode,
} from "../options.ts";
import { printable } from "./printable_text.ts";

const MOST_OF_A_NAME = 200;

/**
 * Makes a database refuse every write of a holder that was succeeded, whatever
 * the clocks of that holder say. The database keeps the highest fence of its
 * leases, in the table `litelatch_fence`, which {@linkcode open} raises at once.
 * From then on only `write()` and `writeAsync()` may write on that handle.
 *
 * @param lease An exclusive lease.
 * @returns What to give to `open` as its `lease`.
 * @throws {TypeError} If the lease is a shared one: shared holders have
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
export function fenced(lease: LeaseLike): LeaseLike {
  if (lease.mode !== "exclusive") {
    throw new TypeError(
      `Cannot fence with the lease "${
        printable(lease.path, MOST_OF_A_NAME)
      }": it must be exclusive, got a shared one`,
    );
  }
  return new FencedLease(lease);
}

/** The lease itself, which brings its fence along to each database. */
class FencedLease implements LeaseLike {
  readonly path: string;
  readonly mode: LockMode;
  readonly fence: number | bigint;
  readonly lost?: AbortSignal;
  readonly #lease: LeaseLike;

  constructor(lease: LeaseLike) {
    this.path = lease.path;
    this.mode = lease.mode;
    this.fence = lease.fence;
    if (lease.lost !== undefined) this.lost = lease.lost;
    this.#lease = lease;
  }

  get held(): boolean {
    return this.#lease.held;
  }

  attach(database: LeasedDatabase): Attachment {
    return new Fence(this, database);
  }
}

/** The fence of one connection: shut but for the transactions of `write()`. */
class Fence implements Attachment {
  readonly #lease: LeaseLike;
  readonly #database: LeasedDatabase;
  #isOpen = false;
  #hasEnded = false;
  /** Whether the table was there when a transaction began. */
  #hasTable = false;

  constructor(lease: LeaseLike, database: LeasedDatabase) {
    this.#lease = lease;
    this.#database = database;
    this.#shut();
  }

  beforeBegin(): void {
    this.#database.exec("PRAGMA query_only=0");
    this.#isOpen = true;
  }

  /** In the transaction, so nobody raises the fence before it ends. */
  begun(): void {
    const { fence, path: name } = this.#lease;
    const { path } = this.#database;
    // Each time until it is committed: the transaction may be rolled back.
    if (!this.#hasTable) {
      this.#database.exec(
        "CREATE TABLE IF NOT EXISTS litelatch_fence (" +
          "id INTEGER PRIMARY KEY CHECK (id = 1), fence INTEGER NOT NULL)",
      );
    }
    // As text: a number of 64 bits is none of JavaScript's.
    const text = this.#database.value(
      "SELECT CAST(max(fence) AS TEXT) FROM litelatch_fence",
    );
    const highest = typeof text === "string" ? BigInt(text) : null;
    if (highest === BigInt(fence)) {
      this.#hasTable = true;
      return;
    }
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
    this.#database.exec(
      `INSERT OR REPLACE INTO litelatch_fence VALUES(1,${fence})`,
    );
  }

  afterWrite(): void {
    this.#isOpen = false;
    if (!this.#hasEnded) this.#shut();
  }

  connected(): void {
    this.#hasTable = false;
    this.#shut();
  }

  end(): void {
    this.#hasEnded = true;
  }

  /** A write that did not go through `write()` fails in SQLite itself. */
  explain(error: unknown): unknown {
    if (this.#isOpen || !isReadonly(error)) return error;
    return new UnsupportedError(
      `Cannot write to "${this.#database.path}" outside of write(): with ` +
        "fencing, each transaction must look at the fence; put it into " +
        "write() or writeAsync()",
      { cause: error },
    );
  }

  #shut(): void {
    this.#database.exec("PRAGMA query_only=1");
  }
}

/** Whether SQLite refused a write; a text alone may be anybody's. */
function isReadonly(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return typeof code === "string" &&
    /^(?:ERR_SQLITE_ERROR$|SQLITE_READONLY)/.test(code) &&
    /^attempt to write a readonly database/.test(error.message);
}
