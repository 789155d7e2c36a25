/**
 * From BEGIN to COMMIT: a body runs at most once, and leaves everything or
 * nothing.
 *
 * @module
 */

import { beginWriteAsync, type GaveUp } from "../busy.ts";
import { BusyError, LitelatchError } from "../errors.ts";
import { self } from "../os/process.ts";
import type { Waiting } from "../os/waiting.ts";
import { handlesOn } from "./exchange.ts";
import type { Session } from "./session.ts";

type Body<D, T> = (db: D) => T;

/** Runs `body` in an immediate transaction, or in a savepoint of the one. */
export function write<D, T>(session: Session, db: D, body: Body<D, T>): T {
  requireWrite(session, body);
  if (session.depth > 0) return savepoint(session, () => body(db));
  const begin = () => session.patience.begin(() => isSelfBlocked(session));
  const gaveUp = session.lease === null ? begin() : session.lease.begin(begin);
  if (gaveUp !== null) throw failed(session, gaveUp);
  return transact(session, () => body(db));
}

/** As {@linkcode write}; yields while it waits for its turn. */
export function* writeAsync<D, T>(
  session: Session,
  db: D,
  body: Body<D, T>,
): Waiting<T> {
  requireWrite(session, body);
  if (session.depth > 0) return savepoint(session, () => body(db));
  const begin = beginWriteAsync(
    () => {
      requireWrite(session, body);
      return session.patience;
    },
    session.busyTimeout,
  );
  const gaveUp = yield* session.lease?.beginAsync(begin) ?? begin;
  if (gaveUp !== null) throw failed(session, gaveUp);
  // No pause here: until the body is done, nobody else may see the open
  // transaction on this connection.
  return transact(session, () => body(db));
}

/** Runs `body` on one snapshot; inside a transaction there is one already. */
export function read<D, T>(session: Session, db: D, body: Body<D, T>): T {
  session.require();
  requireSync("read", body);
  if (session.depth > 0) return refusePromise("read", body(db));
  session.connection.exec("BEGIN");
  session.reading = true;
  try {
    return transact(session, () => body(db), "read");
  } finally {
    session.reading = false;
  }
}

function transact<T>(session: Session, body: () => T, name = "write"): T {
  session.depth = 1;
  let result: T;
  try {
    if (name === "write") {
      session.guard?.beforeWrite();
      session.lease?.enter();
    }
    result = refusePromise(name, body());
    session.require();
    if (name === "write") session.lease?.require();
    session.patience.commit();
  } catch (error) {
    const seen = session.explain(error);
    undo(session, "ROLLBACK");
    throw seen;
  } finally {
    session.depth = 0;
    if (session.stopped === "ended") session.resume();
    if (name === "write") session.lease?.leave();
  }
  if (name === "write") session.guard?.afterWrite();
  return result;
}

function savepoint<T>(session: Session, body: () => T): T {
  const name = `litelatch_${session.depth}`;
  session.connection.exec(`SAVEPOINT ${name}`);
  session.depth++;
  try {
    const result = refusePromise("write", body());
    session.require();
    session.connection.exec(`RELEASE ${name}`);
    return result;
  } catch (error) {
    const seen = session.explain(error);
    undo(session, `ROLLBACK TO ${name};RELEASE ${name}`);
    throw seen;
  } finally {
    session.depth--;
  }
}

/** SQLite may have undone it already, and then there is nothing to undo. */
function undo(session: Session, sql: string): void {
  if (session.stopped === "closed" || !session.connection.inTransaction()) {
    return;
  }
  session.connection.exec(sql);
}

function requireWrite(session: Session, body: unknown): void {
  session.require();
  requireSync("write", body);
  session.lease?.require();
  if (session.reading) {
    throw new LitelatchError(
      "LITELATCH_BUSY",
      `Cannot write to "${session.path}" inside read(): its snapshot may be ` +
        "older than what others commit (SQLITE_BUSY_SNAPSHOT); begin with " +
        "write(), and read inside it",
    );
  }
}

/**
 * Two handles of one thread: the one that writes cannot go on before the one
 * that would wait for it.
 */
function isSelfBlocked(session: Session): boolean {
  return handlesOn(session.path).some((handle) => handle.isWriting());
}

function failed(session: Session, { waitedMs, cause }: GaveUp): unknown {
  if (!isSelfBlocked(session)) return session.explain(cause, waitedMs);
  return new BusyError(
    `Cannot write to "${session.path}" here: another handle of this thread is ` +
      "inside write() on it, and this one cannot wait for that to end; use " +
      "that handle, its write() can be nested",
    waitedMs,
    [self().pid],
    { cause },
  );
}

// What an async body did after its first await would run outside of the
// transaction; so it is refused before it starts, where that can be seen.
function requireSync(name: string, body: unknown): void {
  if (typeof body !== "function") {
    throw new TypeError(
      `Cannot ${name}: the body must be a function, got ${typeof body}`,
    );
  }
  if (body.constructor.name === "AsyncFunction") refuseAsync(name);
}

function refusePromise<T>(name: string, result: T): T {
  const then = (result as { then?: unknown } | null | undefined)?.then;
  if (typeof then === "function") {
    // Nobody will look at it any more, and it must not end the process.
    Promise.resolve(result).catch(() => {});
    refuseAsync(name);
  }
  return result;
}

function refuseAsync(name: string): never {
  throw new TypeError(
    `Cannot ${name}: the body must not return a promise, because the ` +
      "transaction ends when it returns; await first, then call " +
      `${name}(), or use writeAsync() with a body that is not async`,
  );
}
