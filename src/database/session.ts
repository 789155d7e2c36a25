/**
 * One connection in use: what state it is in, what takes part in its writes,
 * and what its failures mean.
 */

import type { Connection } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/result_codes.ts";
import { LitelatchError, LockLostError } from "../errors.ts";
import type { Attachment } from "../options.ts";
import { Line } from "../os/waiting.ts";
import { busyError, staleError, writersOf } from "./busy_error.ts";
import { Turns } from "./turns.ts";

/** Why nothing more may be run. */
export type Stopped = "closed" | "ended" | "lost";

/** What SQL of the caller may do beyond rows. */
export interface Heeded {
  attaches: boolean;
  journals: boolean;
  /** Whether it may end the transaction that it is in. */
  ends: boolean;
  /** Whether SQLite is to wait: checkpoints tell in a row that it is busy. */
  waits: boolean;
}

const PERSONAL = /\b(?:attach|pragma|temp|temporary)\b/i;
// What an attached database will wait for is not known here, and the timeout is
// the caller's to read.
const WAITS = /\b(?:attach|busy_timeout)\b/i;
const ENDS =
  /(?:^|;)(?:\s|;|--[^\n]*\n|\/\*[^]*?\*\/)*(?:commit|end|rollback(?!\s+(?:transaction\s+)?to))\b/i;

const BY_THE_BODY =
  "the body has ended it with a COMMIT or ROLLBACK of its own; leave that to " +
  "write() and read(), and throw to roll back";
const BY_SQLITE =
  "SQLite rolled it back after an earlier error; leave write() and start again";

/** What a handle and its statements share. */
export class Session {
  path: string;
  /** The deadline of a write in milliseconds. */
  readonly busyTimeout: number;
  /** What takes part in the writes, in this order. */
  readonly attachments: Attachment[] = [];
  connection: Connection;
  turns: Turns;
  /** Asynchronous writes take their turns in it. */
  readonly line = new Line();
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
  /** Whether the outermost transaction is a `read`, and wrote all the same. */
  reading = false;
  wrote = false;
  /** What waits for the end of the transaction. */
  readonly inner: ((failure: unknown) => void)[] = [];
  /** Whether the caller has set what a new connection would not have. */
  isPersonal = false;
  /** Why nothing more may be run, if so, and that in words. */
  stopped: Stopped | null = null;
  reason = "";

  constructor(connection: Connection, path: string, busyTimeout: number) {
    this.connection = connection;
    this.path = path;
    this.busyTimeout = busyTimeout;
    this.turns = new Turns(connection, busyTimeout, !connection.owned);
  }

  /** Whether neither a transaction nor a loop over rows is under way. */
  get isIdle(): boolean {
    return this.depth === 0 && this.iterating === 0 &&
      !this.connection.inTransaction();
  }

  /** Refuses everything from now on. A closed session stays closed. */
  stop(why: Stopped, reason = ""): void {
    if (this.stopped === "closed") return;
    this.stopped = why;
    this.reason = reason;
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
    this.stopped = null;
    this.epoch++;
  }

  /** @throws {LitelatchError} If nothing more may be run. */
  require(): void {
    if (this.stopped === null) return;
    if (this.stopped === "lost") throw new LockLostError(this.reason);
    throw new LitelatchError(
      "LITELATCH_CLOSED",
      this.stopped === "closed"
        ? `Cannot use the database "${this.path}": this handle was closed; ` +
          "open it again"
        : `Cannot go on in this transaction on "${this.path}": ${this.reason}`,
    );
  }

  /** Looks at SQL of the caller before it is compiled. */
  heed(sql: string): Heeded {
    const waits = PERSONAL.test(sql);
    if (waits) this.isPersonal = true;
    if (WAITS.test(sql)) this.turns.share();
    return {
      attaches: /\b(?:attach|detach)\b/i.test(sql),
      journals: /\bjournal_mode\b/i.test(sql),
      ends: ENDS.test(sql),
      waits,
    };
  }

  /** Each hook of everything that takes part, see `Attachment`. */
  beforeWrite(): void {
    for (const one of this.attachments) one.beforeWrite?.();
  }
  beforeBegin(): void {
    for (const one of this.attachments) one.beforeBegin?.();
  }
  begun(): void {
    for (const one of this.attachments) one.begun?.();
  }
  beforeCommit(): void {
    for (const one of this.attachments) one.beforeCommit?.();
  }

  /** What the caller wrote is committed, so nothing throws any more. */
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
  guarded<T>(run: () => T, heeded: Heeded, isSeveral = false): T {
    if (this.depth > 0 && !this.reading) return this.#inside(run, heeded.ends);
    this.beforeWrite();
    try {
      if (this.reading) {
        this.wrote = true;
        return this.#inside(run, heeded.ends);
      }
      return this.turns.again(run, isSeveral || heeded.waits);
    } finally {
      if (heeded.journals) this.journalModes++;
      if (heeded.attaches) this.listAttached();
      if (!this.reading) this.afterWrite();
    }
  }

  #inside<T>(run: () => T, ends: boolean): T {
    this.requireTransaction(BY_THE_BODY);
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
    this.requireTransaction(BY_THE_BODY);
    return result;
  }

  /**
   * Whether the transaction that we began has ended without us: what the body
   * did next would be committed by itself.
   */
  noticeEnd(reason: string = BY_SQLITE): void {
    if (this.depth === 0 || this.stopped !== null) return;
    if (!this.connection.inTransaction()) this.stop("ended", reason);
  }

  /** @throws {LitelatchError} If it has. */
  requireTransaction(reason?: string): void {
    // All that our own handle runs is looked at where it runs.
    if (this.turns.isShared || reason !== undefined) this.noticeEnd(reason);
    this.require();
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
    return isStale || (mayBeStale && writersOf(this.path).length === 0)
      ? staleError(this.path, isStale, error)
      : busyError(what, [this.path, ...this.attached], waitedMs, error);
  }
}

/** The files behind a connection, by SQLite's own list; the main one first. */
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
