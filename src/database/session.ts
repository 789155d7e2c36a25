/**
 * One connection in use: what state it is in, what takes part in its writes,
 * and what its failures mean.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/result_codes.ts";
import { LitelatchError, LockLostError } from "../errors.ts";
import type { Attachment } from "../options.ts";
import { busyError, staleError, writersOf } from "./busy_error.ts";
import { Turns } from "./turns.ts";

/** Why nothing more may be run. */
export type Stopped = "closed" | "ended" | "lost";

/** What a handle and its statements share. */
export class Session {
  path: string;
  /** The deadline of a write in milliseconds. */
  readonly busyTimeout: number;
  /** What takes part in the writes, in this order. */
  readonly attachments: Attachment[] = [];
  connection: Connection;
  turns: Turns;
  /** Files of attached databases. */
  attached: string[] = [];
  /** Moves when the caller may have changed the journal mode. */
  journalModes = 0;
  /** Moves whenever a statement has to look whether it may still run. */
  epoch = 0;
  /** Open transactions and savepoints of ours. */
  depth = 0;
  /** Loops over rows under way. */
  iterating = 0;
  /** Whether the outermost transaction is a `read`. */
  reading = false;
  /** Whether something was written in that `read`. */
  wrote = false;
  /** What waits for the end of the transaction. */
  readonly inner: ((failure: unknown) => void)[] = [];
  /** Whether the caller has set what a new connection would not have. */
  isPersonal = false;
  #stopped: Stopped | null = null;
  #reason = "";

  constructor(connection: Connection, path: string, busyTimeout: number) {
    this.connection = connection;
    this.path = path;
    this.busyTimeout = busyTimeout;
    this.turns = new Turns(connection, busyTimeout, !connection.owned);
  }

  /** Why nothing more may be run, if so. */
  get stopped(): Stopped | null {
    return this.#stopped;
  }

  /** The same in words, for whoever is refused. */
  get reason(): string {
    return this.#reason;
  }

  /** Whether neither a transaction nor a loop over rows is under way. */
  get isIdle(): boolean {
    return this.depth === 0 && this.iterating === 0 &&
      !this.connection.inTransaction();
  }

  /** Refuses everything from now on. A closed session stays closed. */
  stop(why: Stopped, reason = ""): void {
    if (this.#stopped === "closed") return;
    this.#stopped = why;
    this.#reason = reason;
    this.epoch++;
  }

  /** Goes on after a transaction was ended, or on a new connection. */
  resume(connection: Connection = this.connection): void {
    if (connection !== this.connection) {
      this.connection = connection;
      this.turns = new Turns(connection, this.busyTimeout, this.turns.isShared);
      this.isPersonal = this.turns.isShared;
      this.attached = [];
    }
    this.#stopped = null;
    this.epoch++;
  }

  /** @throws {LitelatchError} If nothing more may be run. */
  require(): void {
    if (this.#stopped === null) return;
    if (this.#stopped === "lost") throw new LockLostError(this.#reason);
    throw new LitelatchError(
      "LITELATCH_CLOSED",
      this.#stopped === "closed"
        ? `Cannot use the database "${this.path}": this handle was closed; ` +
          "open it again"
        : `Cannot go on in this transaction on "${this.path}": ${this.#reason}`,
    );
  }

  /**
   * Looks at SQL of the caller before it is compiled, for what it may do beyond
   * rows.
   */
  heed(sql: string): Heeded {
    if (PERSONAL.test(sql)) this.isPersonal = true;
    // What an attached database will wait for is not known here, and the
    // timeout is the caller's to read.
    if (WAITS.test(sql)) this.turns.share();
    return {
      attaches: ATTACHES.test(sql),
      journals: JOURNALS.test(sql),
      ends: ENDS.test(sql),
    };
  }

  /** Calls one hook of everything that takes part. */
  each(hook: "beforeWrite" | "beforeBegin" | "begun" | "beforeCommit"): void {
    for (const attachment of this.attachments) attachment[hook]?.();
  }

  /** After a write; what the caller wrote is committed, so nothing throws. */
  afterWrite(): void {
    for (const attachment of this.attachments) {
      try {
        attachment.afterWrite?.();
      } catch {
        // The next write or heartbeat tries again.
      }
    }
  }

  /**
   * Runs SQL that may write, or end the transaction that it is in.
   *
   * @param isSeveral Whether it is more than one statement.
   */
  guarded<T>(
    run: () => T,
    { attaches, journals, ends }: Heeded,
    isSeveral = false,
  ): T {
    if (this.depth > 0 && !this.reading) return this.#inTransaction(run, ends);
    this.each("beforeWrite");
    try {
      if (this.reading) {
        this.wrote = true;
        return this.#inTransaction(run, ends);
      }
      return isSeveral ? this.turns.once(run) : this.turns.again(run);
    } finally {
      if (journals) this.journalModes++;
      if (attaches) this.listAttached();
      if (!this.reading) this.afterWrite();
    }
  }

  #inTransaction<T>(run: () => T, ends: boolean): T {
    this.noticeEnd(BY_THE_BODY);
    this.require();
    // A COMMIT may be followed by a BEGIN in the same text.
    if (ends) this.connection.exec("SAVEPOINT litelatch_end");
    const result = run();
    if (ends && this.connection.inTransaction()) {
      try {
        this.connection.exec("RELEASE litelatch_end");
      } catch {
        this.connection.exec("ROLLBACK");
      }
    }
    this.noticeEnd(BY_THE_BODY);
    this.require();
    return result;
  }

  /**
   * Whether the transaction that we began has ended without us: what the body
   * did next would be committed by itself.
   */
  noticeEnd(reason: string = BY_SQLITE): void {
    if (this.depth === 0 || this.#stopped !== null) return;
    if (!this.connection.inTransaction()) this.stop("ended", reason);
  }

  /** Finds out anew which databases are attached. */
  listAttached(): void {
    this.attached = filesOf(this.connection)
      .filter((file) => file !== this.path);
  }

  /** Makes of a driver's error what the caller is to see. */
  explain(
    error: unknown,
    waitedMs = this.busyTimeout,
    what = this.reading ? "read" : "write to",
  ): unknown {
    // Some errors end the whole transaction
    // (https://sqlite.org/lang_transaction.html, section 3).
    this.noticeEnd();
    if (!isBusy(error)) {
      for (const one of this.attachments) error = one.explain?.(error) ?? error;
      return error;
    }
    const isStale = resultCode(error) === SQLITE.BUSY_SNAPSHOT;
    // Errors of Deno's exec() do not tell this kind of busy from the other.
    const mayBeStale = this.reading || this.iterating > 0;
    if (isStale || (mayBeStale && writersOf(this.path).length === 0)) {
      return staleError(this.path, isStale, error);
    }
    return busyError(what, [this.path, ...this.attached], waitedMs, error);
  }
}

/** What SQL of the caller may do beyond rows. */
export interface Heeded {
  /** To the attached databases. */
  attaches: boolean;
  /** To the journal mode. */
  journals: boolean;
  /** To the transaction that it is in. */
  ends: boolean;
}

const BY_THE_BODY =
  "the body has ended it with a COMMIT or ROLLBACK of its own; leave that to " +
  "write() and read(), and throw to roll back";
const BY_SQLITE =
  "SQLite rolled it back after an earlier error; leave write() and start again";
const PERSONAL = /\b(?:attach|pragma|temp|temporary)\b/i;
const WAITS = /\b(?:attach|busy_timeout)\b/i;
const ATTACHES = /\b(?:attach|detach)\b/i;
const JOURNALS = /\bjournal_mode\b/i;
const ENDS =
  /(?:^|;)(?:\s|;|--[^\n]*\n|\/\*[^]*?\*\/)*(?:commit|end|rollback(?!\s+(?:transaction\s+)?to))\b/i;

/** The files behind a connection, by SQLite's own list. */
export function filesOf(connection: Connection): string[] {
  const statement = connection.prepare("PRAGMA database_list");
  try {
    return statement.all([])
      .sort((one, other) => Number(one["seq"]) - Number(other["seq"]))
      .map((row) => String(row["file"] ?? ""))
      .filter((file) => file !== "");
  } finally {
    statement.finalize();
  }
}
