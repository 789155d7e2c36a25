/** One connection in use: its state, its writes, and what its failures mean. */

import type { Connection, Prepared } from "../driver/contract.ts";
import { isBusy, resultCode, SQLITE } from "../driver/result_codes.ts";
import { LitelatchError, LockLostError } from "../errors.ts";
import type { Lock } from "../lock/lock.ts";
import { filesOf, WatchedFiles } from "../loss/watched_files.ts";
import type { Attachment } from "../options.ts";
import { attempt } from "../os/builtin.ts";
import type { Settings } from "../settings.ts";
import {
  busyError,
  ownWriter,
  selfBlocked,
  staleError,
  writersOf,
} from "./busy_error.ts";
import { Turns } from "./turns.ts";

/** A connection with every setting in force. */
export interface Connected {
  connection: Connection;
  /** `null` for a database in memory. */
  files: WatchedFiles | null;
}

/** The same, with its place and its lock. */
export interface Opened extends Connected {
  /** What the caller asked for, as an absolute path; it may be a link. */
  asked: string;
  path: string;
  lock: Lock | null;
  settings: Settings;
}

/** Why nothing more may be run. */
export type Stopped = "closed" | "ended" | "lost";

/** What SQL of the caller may do beyond rows. */
export interface Heeded {
  journals: boolean;
  /** Whether it may end the transaction that it is in. */
  ends: boolean;
  /** Whether SQLite is to wait: for several; or is asked whether it does. */
  waits: boolean | "tells";
}

// But the version is in the file.
const PERSONAL =
  /\b(?:(?:at|de)tach|pragma(?!\s+user_version\b)|temp|temporary)\b/i;
// Without a WAL a COMMIT waits for readers; the timeout is the caller's to read.
const WAITS = /\b(?:attach\b|busy_timeout\b|journal_mode\W+(?!wal)\w)/i;
// The word first, as long SQL of comments alone took seconds the other way.
const ENDS =
  /\b(?:commit|end|rollback(?!\s+(?:transaction\s+)?to))\b(?<=(?:^|;)(?:\s|;|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*\w+)/i;

const BY_THE_BODY =
  "the body has ended it with a COMMIT or ROLLBACK of its own; leave that to " +
  "write() and read(), and throw to roll back";
const BY_SQLITE =
  "SQLite rolled it back after an earlier error; leave write() and start again";

/** What a handle and its statements share. */
export class Session {
  path: string;
  readonly asked: string;
  readonly settings: Settings;
  lock: Lock | null;
  /** What takes part in the writes, in this order. */
  readonly attachments: Attachment[] = [];
  connection: Connection;
  turns: Turns;
  /** Its statements. Not private: what is lent to a body has them too. */
  prepared = new Map<string, Prepared>();
  /** What is attached, as it was found when it was. */
  attached: WatchedFiles[] = [];
  /** Whether the caller may have changed the journal mode just now. */
  journals = false;
  /** Open transactions and savepoints of ours. */
  depth = 0;
  /** Made where the one under way was asked for, if its body awaits. */
  made: Error | null = null;
  /** By how much `data_version` moved for commits of the same handle. */
  ownMoves = 0;
  /** Loops over rows under way. */
  iterating = 0;
  /** Whether the outermost transaction is a `read`, and whether it may write. */
  reading = false;
  wrote = false;
  /** Whether one that was begun may be open that nobody will end. */
  isLeft = false;
  /** What waits for the end of the transaction. */
  readonly inner: ((failure: unknown) => void)[] = [];
  /** Whether the caller has set what a new connection would not have. */
  isPersonal = false;
  /** Why nothing more may be run, if so, and that in words. */
  stopped: Stopped | null = null;
  reason: () => string = String;
  /** Whether there is no commit that somebody would have to be told of. */
  told = { isSaid: true };

  constructor({ connection, path, lock, asked, settings }: Opened) {
    this.connection = connection;
    this.path = path;
    this.lock = lock;
    this.asked = asked;
    this.settings = settings;
    this.turns = new Turns(connection, settings, path);
  }

  /** Whether neither a transaction nor a loop over rows is under way. */
  get isIdle(): boolean {
    return this.depth === 0 && this.iterating === 0 &&
      !this.connection.inTransaction();
  }

  /** Refuses everything from now on. A closed session stays closed. */
  stop(why: Stopped, reason: () => string = String): void {
    if (this.stopped === "closed") return;
    this.stopped = why;
    this.reason = reason;
  }

  /** Goes on after a transaction was ended, or on a new connection. */
  resume(connection: Connection = this.connection): void {
    if (connection !== this.connection) {
      this.connection = connection;
      this.turns = new Turns(connection, this.settings, this.path);
      this.prepared = new Map();
      this.isPersonal = false;
      this.attached = [];
      this.iterating = 0;
    }
    this.stopped = null;
  }

  /** @throws {LitelatchError} If nothing more may be run. */
  require(): void {
    if (this.stopped || this.isForsaken) throw this.refusal();
    // Where a stack overflows, there was no room to call for a ROLLBACK.
    if (this.isLeft) this.finish("ROLLBACK");
    this.isLeft = false;
  }

  /** Why nothing more is run, as an error. */
  refusal(): LitelatchError {
    if (this.stopped === "lost") {
      this.told.isSaid = true;
      return new LockLostError(this.reason());
    }
    // Bun keeps what was closed, and its locks, for our statements.
    if (this.isForsaken) attempt(() => this.connection.close(), null);
    const what = this.stopped === "ended" && !this.isForsaken
      ? `Cannot go on in this transaction on "${this.path}": ${this.reason()}`
      : `Cannot use "${this.path}": this handle ${
        this.connection.owned
          ? "was closed; open"
          : "or its connection was closed; adopt"
      } it again`;
    return new LitelatchError("LITELATCH_CLOSED", what);
  }

  /** Whether its connection is. */
  get isOpen(): boolean {
    return attempt(() => this.connection.isOpen(), false);
  }

  /** Whether others have closed it: its owner, or whoever asked for `native`. */
  get isForsaken(): boolean {
    // Nobody else has it; to ask each time took Node a tenth of a write.
    const isOurs = this.connection.owned &&
      (!this.turns.isShared || this.stopped === "lost");
    return !isOurs && !this.isOpen;
  }

  /** Prepares a statement once for the connection: that costs more than to run it. */
  prepare(sql: string): Prepared {
    return kept(this.prepared, sql, () => this.connection.prepare(sql));
  }

  /** Looks at SQL of the caller before it is compiled. */
  heed(sql: string): Heeded {
    if (typeof sql !== "string") {
      throw new TypeError(`Cannot run SQL: it must be text, got ${typeof sql}`);
    }
    const isPersonal = PERSONAL.test(sql);
    this.isPersonal ||= isPersonal;
    if (WAITS.test(sql)) this.turns.share();
    return {
      journals: /\bjournal_mode\s*[=(]\W*(?!wal\b)\w/i.test(sql),
      ends: ENDS.test(sql),
      waits: /^\W*pragma\W+(?:\w+\.)?busy_timeout\W*$/i.test(sql)
        ? "tells"
        : isPersonal || /;\s*[^\s;]/.test(sql),
    };
  }

  /** Asks all that takes part; by the name of a hook it took a 40th of a write. */
  each(ask: (one: Attachment) => void): void {
    for (const one of this.attachments) ask(one);
  }

  /** What the caller wrote is committed, so nothing throws any more. */
  afterWrite(): void {
    this.turns.tell();
    // After a failure the next write or heartbeat tries again.
    this.unheard((one) => one.afterWrite?.());
  }

  /** The same where nobody hears a refusal, so that it is not said by that. */
  unheard(ask: (one: Attachment) => void): void {
    const { isSaid } = this.told;
    this.each((one) => attempt(() => ask(one), null));
    this.told.isSaid = isSaid;
  }

  /** Runs SQL that may write, or end the transaction that it is in. */
  guarded<T>(run: () => T, heeded: Heeded): T {
    if (this.reading) this.wrote = true;
    const ask = () =>
      this.turns.again(() => {
        // Each time: what was there before a wait may be lost after it.
        this.each((one) => one.beforeWrite?.());
        return run();
      }, this.reading || heeded.waits);
    try {
      if (this.depth === 0) return ask();
      return inside(this, this.reading ? ask : run, heeded.ends);
    } catch (error) {
      throw this.explain(error);
    } finally {
      this.journals ||= heeded.journals;
      if (heeded.waits) attempt(() => this.listAttached(), null); // ATTACH too
      if (this.depth === 0) this.afterWrite();
    }
  }

  /** After an end that is not ours, what follows would be committed alone. */
  noticeEnd(reason: string = BY_SQLITE): void {
    if (this.depth === 0 || this.stopped) return;
    if (!this.connection.inTransaction()) this.stop("ended", () => reason);
  }

  /** @throws {LitelatchError} If the transaction that we began has ended. */
  requireTransaction(): void {
    this.noticeEnd(BY_THE_BODY);
    this.require();
  }

  /** Ends a part of a transaction, or all of it, unless SQLite has done that. */
  finish(sql: string, reason?: string): void {
    if (this.stopped === "closed" || !this.connection.inTransaction()) return;
    try {
      this.connection.exec(sql);
    } catch {
      // The savepoint is gone, so it is not known what would be committed.
      this.connection.exec("ROLLBACK");
      this.noticeEnd(reason);
    }
  }

  /** Finds out anew which databases are attached. */
  listAttached(): void {
    const files = filesOf(this.connection)
      .filter(({ path }) => path !== this.path)
      .map(({ path, schema }) =>
        this.attached.find((one) => one.schema + one.path === schema + path) ??
          new WatchedFiles(path, !this.settings.readOnly, schema)
      );
    // In place: whoever lent it to a transaction has to see it.
    this.attached.splice(0, Infinity, ...files);
    if (files.length > 0) this.letCheckpoint();
  }

  /** Ours count neither what others write nor the frames of what is attached. */
  letCheckpoint(): void {
    const pragma = "PRAGMA wal_autocheckpoint";
    if (this.connection.value(pragma) !== 0) return;
    this.connection.value(`${pragma}=${this.settings.walAutocheckpoint}`);
  }

  /** Makes of a driver's error what the caller is to see. */
  explain(
    error: unknown,
    what = this.reading ? "read" : "write to",
    waitedMs = this.settings.busyTimeout,
  ): unknown {
    if (this.isForsaken) return this.refusal();
    const { path, attached } = this;
    const busy = isBusy(error);
    // Somebody may have attached one since.
    if (busy && this.turns.isShared) attempt(() => this.listAttached(), null);
    // With the write lock nothing of ours can be busy: then the error is of
    // another database, whose connection the body has used.
    const hasLock = this.depth > 0 && !this.reading && !attached.length;
    const isOther = !busy || hasLock;
    if (isOther) this.each((one) => error = one.explain?.(error) ?? error);
    // Some errors end the whole transaction
    // (https://sqlite.org/lang_transaction.html, section 3).
    this.noticeEnd();
    if (isOther) return error;
    const place = this.depth === 0 && what !== "read" ? ownWriter(path) : null;
    if (place !== null) return selfBlocked(path, place, error);
    const places = [path, ...attached.map((one) => one.path)];
    // In a transaction the lock on the main one may be its own.
    if (this.connection.inTransaction()) places.reverse();
    const isStale = resultCode(error) === SQLITE.BUSY_SNAPSHOT;
    // Errors of Deno's exec() do not tell this kind of busy from the other.
    const mayBeStale = this.reading || this.iterating > 0;
    return isStale || (mayBeStale && writersOf(path).length === 0)
      ? staleError(path, isStale, error)
      : busyError(what, path, waitedMs, error, places);
  }
}

function inside<T>(session: Session, run: () => T, ends: boolean): T {
  session.requireTransaction();
  if (!ends) return run();
  // A COMMIT may be followed by a BEGIN in the same text, and that by an error.
  session.connection.exec("SAVEPOINT litelatch_end");
  try {
    return run();
  } finally {
    session.finish("RELEASE litelatch_end", BY_THE_BODY);
    session.requireTransaction();
  }
}

// Enough for every statement that a program spells out; those that spell
// values into their SQL push each other out.
const MOST_KEPT = 100;

/** What was made of some SQL before, or is made of it now. */
export function kept<T>(known: Map<string, T>, sql: string, make: () => T): T {
  const found = known.get(sql);
  if (found !== undefined) return found;
  const made = make();
  const [oldest = sql] = known.keys();
  if (known.size >= MOST_KEPT) known.delete(oldest);
  known.set(sql, made);
  return made;
}
