/**
 * Transactions whose body awaits, on a connection of their own: on that of the
 * handle all that the process does meanwhile would be part of them.
 */

import type { Connection, Prepared } from "../driver/contract.ts";
import { LitelatchError } from "../errors.ts";
import { attempt } from "../os/builtin.ts";
import { every, Stopwatch } from "../os/clock.ts";
import { warn } from "../os/process.ts";
import { isFirst } from "../os/shared_state.ts";
import { Line, type Waiting } from "../os/waiting.ts";
import { busyError, placeOf } from "./busy_error.ts";
import type { Session } from "./session.ts";
import { beginning, undo } from "./transactions.ts";

// A listener of its signal for each call would make Node warn of a leak at the
// eleventh, so those in the queue are asked.
const LOOK_EVERY_MS = 20;
const LONG_MS = 1000;

const SETTLED =
  "the body of its writeAsync() has settled; await all that uses its handle " +
  "before it returns";
const IN_MEMORY =
  "the body of a writeAsync() has not settled, and in memory there is only one " +
  "connection; await it first, or use the handle that the body was given";

/** The second connection of a handle. */
export interface Apart<P> {
  readonly parts: P;
  close(): void;
}

/** Those of one handle, in the order of the calls. */
export class AsyncWrites<P extends { readonly session: Session }> {
  readonly #main: Session;
  readonly #open: () => Waiting<Apart<P>>;
  readonly #onWarning: ((message: string) => void) | null;
  #apart: Apart<P> | null = null;
  #lent: Session | null = null;
  /** Ends the one that runs. */
  #refuse: ((reason: unknown) => void) | null = null;

  constructor(
    main: Session,
    open: () => Waiting<Apart<P>>,
    onWarning: ((message: string) => void) | null,
  ) {
    this.#main = main;
    this.#open = open;
    this.#onWarning = onWarning;
  }

  /**
   * Runs a body when it is its turn.
   *
   * @param made Made where it was asked for.
   */
  write<T>(
    run: (parts: P, session: Session) => T,
    signal: AbortSignal | undefined,
    made: Error,
  ): Promise<Awaited<T>> {
    const { line, busyTimeout } = this.#main;
    const begin = this.#begin(made, new Stopwatch());
    const end = (parts: P) => this.#transact(run, made, parts);
    return line.wait(begin, signal, busyTimeout, end) as Promise<Awaited<T>>;
  }

  *#begin(made: Error, watch: Stopwatch): Waiting<P> {
    this.#main.require();
    const { parts } = this.#apart ??= yield* this.#open();
    const { session } = parts;
    if (this.#main.stopped === "closed") this.#drop();
    this.#main.require();
    session.line = this.#main.line;
    yield* beginning(session, watch);
    session.depth = 1;
    session.made = made;
    if (session === this.#main) session.stop("ended", IN_MEMORY);
    return parts;
  }

  async #transact(
    run: (parts: P, session: Session) => unknown,
    made: Error,
    parts: P,
  ): Promise<unknown> {
    const { session } = parts;
    const { lent, finish } = lend(session);
    if (session === this.#main) lent.stopped = null;
    this.#lent = lent;
    const disown = disowning(this.#main, session);
    const stop = every(LOOK_EVERY_MS, this.#looking(made));
    const closed = Promise.withResolvers<never>();
    this.#refuse = closed.reject;
    try {
      session.begun();
      const result = await Promise.race([run(parts, lent), closed.promise]);
      lent.noticeEnd();
      lent.require();
      session.beforeCommit();
      session.turns.commit();
      disown();
      return result;
    } catch (error) {
      const seen = lent.explain(error);
      undo(lent, "ROLLBACK");
      throw seen;
    } finally {
      stop();
      this.#refuse = null;
      lent.depth = session.depth = 0;
      lent.stop("ended", SETTLED);
      finish();
      if (session.stopped === "ended") session.resume();
      session.afterWrite();
      // The next one gets no settings or temporary tables of this one.
      const isSpoilt = lent.isPersonal || session.turns.isShared;
      if (isSpoilt) attempt(() => this.#drop(), null);
    }
  }

  /** Ends the waits behind a body, and warns of one that lasts. */
  #looking(made: Error): () => void {
    const { line, path } = this.#main;
    const watch = new Stopwatch();
    const late = () =>
      busyError("write to", path, [path], this.#main.busyTimeout, null);
    return () => {
      line.look(late);
      if (watch.elapsed < LONG_MS) return;
      const place = placeOf(made);
      if (!isFirst(`long write ${place}`)) return;
      const text =
        `The body of a writeAsync() on "${path}" has kept everybody ` +
        "else from writing for more than a second; await what takes long " +
        `before it, not inside of it. It was called ${place}`;
      warn(text, "LITELATCH_LONG_WRITE", this.#onWarning);
    };
  }

  #drop(): void {
    const apart = this.#apart;
    this.#apart = null;
    apart?.close();
  }

  /** Rolls back what is open; what waits is refused at its turn. */
  close(): void {
    this.#drop();
    this.#lent?.stop("closed");
    const message = `Cannot write to "${this.#main.path}": its handle was ` +
      "closed before this writeAsync() had committed, and nothing was written";
    this.#refuse?.(new LitelatchError("LITELATCH_CLOSED", message));
  }
}

/**
 * The same connection for one transaction, whose end is none of the connection:
 * what it does not set itself it sees of the other.
 */
function lend(session: Session): { lent: Session; finish: () => void } {
  const { connection } = session;
  const made: Prepared[] = [];
  const prepare = (sql: string) => {
    const statement = connection.prepare(sql);
    made.push(statement);
    return statement;
  };
  const lent = Object.create(session) as Session;
  lent.isLent = true;
  // What comes too late is refused at once.
  lent.line = new Line();
  lent.connection = { ...connection, prepare };
  return { lent, finish: () => made.forEach((one) => one.finalize()) };
}

/**
 * A commit of ours is no change by others, unless one of theirs came between:
 * that moves the version of the connection that committed, too.
 */
function disowning(main: Session, own: Session): () => void {
  const look = () =>
    [main, own].map(({ connection }) =>
      attempt(() => versionOf(connection), NaN)
    );
  const [before = 0, known] = look();
  return () => {
    const [after = 0, seen] = look();
    if (seen === known && after > before) main.ownMoves += after - before;
  };
}

const versions = new WeakMap<Connection, Prepared>();

function versionOf(connection: Connection): number {
  const statement = versions.get(connection) ??
    connection.prepare("PRAGMA data_version");
  versions.set(connection, statement);
  return Number(statement.get([])?.["data_version"]);
}
