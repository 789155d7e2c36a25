/**
 * One connection in use: what state it is in, and what its failures mean.
 *
 * @module
 */

import { Patience, writersOf } from "../busy.ts";
import type { Connection } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/failure.ts";
import { BusyError, LitelatchError, LockLostError } from "../errors.ts";
import type { Waiting } from "../os/waiting.ts";
import { busyError } from "./blame.ts";

/** Why nothing more may be run. */
export type Stopped = "closed" | "ended" | "lost";

/** What is done around every write. */
export interface WriteGuard {
  beforeWrite(): void;
  afterWrite(): void;
}

/** What is done around every write while a lease is needed for it. */
export interface LeaseGuard {
  /** @throws {LockLostError} If the lease does not stand. */
  require(): void;
  /** Begins a transaction; a failure, or a gave-up, leaves nothing open. */
  begin<T>(run: () => T): T;
  beginAsync<T>(waiting: Waiting<T>): Waiting<T>;
  /** Looks at the fence inside the transaction. */
  enter(): void;
  /** After the transaction, however it ended. */
  leave(): void;
  /** Lets a statement write that writes nothing into this database. */
  exempt<T>(run: () => T): T;
  /** What an error means if the fencing made it; otherwise the same error. */
  explain(error: unknown): unknown;
}

/** What a handle and its statements share. */
export class Session {
  readonly path: string;
  /** The deadline of a write in milliseconds. */
  readonly busyTimeout: number;
  #connection: Connection;
  #patience: Patience;
  /** Moves whenever a statement has to look whether it may still run. */
  epoch = 0;
  /** Open transactions and savepoints of ours. */
  depth = 0;
  /** Loops over rows under way. */
  iterating = 0;
  /** Whether the outermost one is a `read`. */
  reading = false;
  /** Watches over the file; `null` for a database in memory. */
  guard: WriteGuard | null = null;
  /** Asks for the lease before each write; `null` without one. */
  lease: LeaseGuard | null = null;
  #stopped: Stopped | null = null;
  #reason = "";

  constructor(connection: Connection, path: string, busyTimeout: number) {
    this.#connection = connection;
    this.#patience = new Patience(connection, busyTimeout);
    this.path = path;
    this.busyTimeout = busyTimeout;
  }

  /** The connection, with the timeout that everybody counts on. */
  get connection(): Connection {
    this.#patience.restore();
    return this.#connection;
  }

  /** How the connection waits. */
  get patience(): Patience {
    return this.#patience;
  }

  /**
   * Before a statement runs. Inside a write the timeout may stay down: the
   * write lock is ours, and there is no other database that could be locked.
   */
  settle(): void {
    if (this.depth === 0) this.#patience.restore();
  }

  /**
   * Before SQL of the caller is compiled. What an attached database or another
   * journal mode will wait for is not known here.
   */
  heed(sql: string): void {
    if (/\b(?:attach|pragma)\b/i.test(sql)) this.#patience.share();
  }

  /** Why nothing more may be run, if so. */
  get stopped(): Stopped | null {
    return this.#stopped;
  }

  /** The same in words, for whoever is refused. */
  get reason(): string {
    return this.#reason;
  }

  /** Refuses everything from now on. A closed session stays closed. */
  stop(why: Stopped, reason = ""): void {
    if (this.#stopped === "closed") return;
    this.#stopped = why;
    this.#reason = reason;
    this.epoch++;
  }

  /**
   * After SQL of the caller: a COMMIT or ROLLBACK of theirs has ended the
   * transaction, and what the body did next would be committed by itself.
   *
   * @throws {LitelatchError} If so.
   */
  noticeEnd(): void {
    if (this.depth === 0 || this.#connection.inTransaction()) return;
    this.stop(
      "ended",
      "the body has ended it with a COMMIT or ROLLBACK of its own; leave " +
        "that to write() and read(), and throw to roll back",
    );
    this.require();
  }

  /** Goes on after a transaction was ended, or on a new connection. */
  resume(connection: Connection = this.#connection): void {
    if (connection !== this.#connection) {
      this.#connection = connection;
      this.#patience = new Patience(
        connection,
        this.busyTimeout,
        this.#patience,
      );
    }
    this.#stopped = null;
    this.epoch++;
  }

  /** @throws {LitelatchError} If nothing more may be run. */
  require(): void {
    switch (this.#stopped) {
      case null:
        return;
      case "lost":
        throw new LockLostError(this.#reason);
      case "closed":
        throw new LitelatchError(
          "LITELATCH_CLOSED",
          `Cannot use the database "${this.path}": this handle was closed; ` +
            "open it again",
        );
      case "ended":
        throw new LitelatchError(
          "LITELATCH_CLOSED",
          `Cannot go on in this transaction on "${this.path}": ${this.#reason}`,
        );
    }
  }

  /** Runs SQL that may write, or end the transaction that it is in. */
  guarded<T>(run: () => T): T {
    const inside = this.depth > 0;
    if (!inside) {
      this.lease?.require();
      this.guard?.beforeWrite();
    }
    const result = run();
    if (inside) this.noticeEnd();
    else this.guard?.afterWrite();
    return result;
  }

  /** Makes of a driver's error what the caller is to see. */
  explain(
    error: unknown,
    waitedMs = this.busyTimeout,
    what = this.reading ? "read" : "write to",
  ): unknown {
    // Some errors end the whole transaction (https://sqlite.org/lang_transaction.html,
    // section 3): what the body did next would be committed by itself.
    if (
      this.depth > 0 && this.#stopped === null &&
      !this.#connection.inTransaction()
    ) {
      this.stop(
        "ended",
        "SQLite rolled it back after an earlier error; leave write() and " +
          "start again",
      );
    }
    if (!isBusy(error)) return this.lease?.explain(error) ?? error;
    const writers = writersOf(this.path);
    const stale = resultCode(error) === SQLITE.BUSY_SNAPSHOT;
    // Errors of Deno's exec() do not tell this kind of busy from the other.
    if (stale || (this.reading && writers.length === 0)) {
      return new BusyError(
        `Cannot write to "${this.path}" here: another process has ${
          stale ? "" : "probably "
        }committed since this transaction began to read. Waiting cannot ` +
          "help; begin with write() instead of read(), and read inside it.",
        0,
        [],
        { cause: error },
      );
    }
    return busyError(what, this.path, waitedMs, error);
  }
}
