/**
 * From BEGIN to COMMIT: a body runs at most once, and leaves everything or
 * nothing.
 *
 * @module
 */

import { BusyError, LitelatchError } from "../errors.ts";
import { self } from "../os/process.ts";
import { handlesOn } from "../os/shared_state.ts";
import { type Waiting, waitSync } from "../os/waiting.ts";
import type { Session } from "./session.ts";
import type { GaveUp } from "./turns.ts";

type Body<D, T> = (db: D) => T;

/** Runs `body` in an immediate transaction, or in a savepoint of the one. */
export function write<D, T>(session: Session, db: D, body: Body<D, T>): T {
  return waitSync(writing(session, db, body, () => isSelfBlocked(session)));
}

/** As {@linkcode write}; yields while it waits for its turn. */
export function* writing<D, T>(
  session: Session,
  db: D,
  body: Body<D, T>,
  isHopeless: () => boolean = () => false,
): Waiting<T> {
  requireWrite(session, body);
  if (session.depth > 0) return savepoint(session, () => body(db));
  const { turns } = session;
  const gaveUp = yield* turns.begin((begin) => {
    // The connection may have been closed, lost or exchanged in a pause.
    if (turns !== session.turns || session.stopped) requireWrite(session, body);
    session.each("beforeBegin");
    let begun = false;
    try {
      begin();
      begun = true;
    } finally {
      if (!begun) session.afterWrite();
    }
  }, isHopeless);
  if (gaveUp !== null) throw failed(session, gaveUp);
  // No pause here: until the body is done, nobody else may see the open
  // transaction on this connection.
  return transact(session, () => body(db), "write");
}

/** Runs `body` on one snapshot; inside a transaction there is one already. */
export function read<D, T>(session: Session, db: D, body: Body<D, T>): T {
  session.require();
  requireSync("read", body);
  if (session.depth > 0) return refusePromise("read", body(db));
  refuseOwnTransaction(session, "read");
  session.connection.exec("BEGIN");
  session.reading = true;
  session.wrote = false;
  try {
    return transact(session, () => body(db), "read");
  } finally {
    session.reading = false;
  }
}

function transact<T>(
  session: Session,
  body: () => T,
  name: "read" | "write",
): T {
  const isWrite = name === "write";
  session.depth = 1;
  let failure: unknown = null;
  try {
    if (isWrite) session.each("begun");
    const result = refusePromise(name, body());
    session.require();
    session.noticeEnd();
    session.require();
    if (isWrite || session.wrote) session.each("beforeCommit");
    session.turns.commit();
    return result;
  } catch (error) {
    const seen = session.explain(error);
    undo(session, "ROLLBACK");
    failure = seen ?? new Error("undone");
    throw seen;
  } finally {
    session.depth = 0;
    if (session.stopped === "ended") session.resume();
    if (isWrite || session.wrote) session.afterWrite();
    for (const settle of session.inner.splice(0)) settle(failure);
  }
}

/**
 * A `writeAsync` inside of a `write`: a savepoint at once, and a promise that
 * is kept when the whole is committed.
 */
export function writeInside<D, T>(
  session: Session,
  db: D,
  body: Body<D, T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const result = write(session, db, body);
    session.inner.push((failure) => {
      if (failure === null) return resolve(result);
      reject(
        new LitelatchError(
          "LITELATCH_BUSY",
          `Cannot write to "${session.path}": the write() around this ` +
            "writeAsync() was rolled back",
          { cause: failure },
        ),
      );
    });
  });
}

function savepoint<T>(session: Session, body: () => T): T {
  // A savepoint of a caller's own may have the same name.
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
  try {
    session.connection.exec(sql);
  } catch {
    // The savepoint is gone, so it is not known what would be committed.
    session.connection.exec("ROLLBACK");
    session.noticeEnd();
  }
}

function requireWrite(session: Session, body: unknown): void {
  session.require();
  requireSync("write", body);
  if (session.reading) {
    throw new LitelatchError(
      "LITELATCH_BUSY",
      `Cannot write to "${session.path}" inside read(): its snapshot may be ` +
        "older than what others commit (SQLITE_BUSY_SNAPSHOT); begin with " +
        "write(), and read inside it",
    );
  }
  if (session.depth > 0) return;
  refuseOwnTransaction(session, "write");
  session.each("beforeWrite");
}

/** A BEGIN of the caller's own, by exec() or on the driver's object. */
function refuseOwnTransaction(session: Session, name: string): void {
  if (!session.connection.inTransaction()) return;
  throw new LitelatchError(
    "LITELATCH_BUSY",
    `Cannot ${name} "${session.path}" here: a transaction is open on this ` +
      `connection that ${name}() did not begin; end it first, or leave BEGIN ` +
      `and COMMIT to ${name}()`,
  );
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
// transaction, and a generator's body not at all; so it is refused before it
// starts, where that can be seen.
function requireSync(name: string, body: unknown): void {
  if (typeof body !== "function") {
    throw new TypeError(
      `Cannot ${name}: the body must be a function, got ${typeof body}`,
    );
  }
  if (/Async|Generator/.test(body.constructor?.name ?? "")) refuseAsync(name);
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
    `Cannot ${name}: the body must not return a promise or be a generator, ` +
      "because the transaction ends when it returns; await first, then call " +
      `${name}(), or use writeAsync() with a body that is not async`,
  );
}
