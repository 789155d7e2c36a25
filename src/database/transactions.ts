/** From BEGIN to COMMIT: a body runs at most once, and leaves all or nothing. */

import { attempt } from "../os/builtin.ts";
import { now } from "../os/clock.ts";
import { type Waiting, waitSync } from "../os/waiting.ts";
import { refused } from "./busy_error.ts";
import type { Session } from "./session.ts";

type Body<D, T> = (db: D) => T;

/** Runs `body` in an immediate transaction, or in a savepoint of the one. */
export function write<D, T>(session: Session, db: D, body: Body<D, T>): T {
  requireWrite(session);
  requireSync("write", body);
  if (session.depth > 0) return savepoint(session, db, body);
  // Asked again it is waited for, or says what it means here.
  if (
    session.turns.pauseForOthers() > 0 ||
    attempt(() => tryToBegin(session), true)
  ) waitSync(beginning(session));
  return transact(session, db, body, "write");
}

/** As {@linkcode write}; with `since`, the thread goes on while it waits. */
export function* writing<D, T>(
  session: Session,
  db: D,
  body: Body<D, T>,
  since?: number,
): Waiting<T> {
  requireSync("write", body);
  yield* beginning(session, since);
  // No pause here: until the body is done, nobody else may see the open
  // transaction on this connection.
  return transact(session, db, body, "write");
}

/** Waits for its turn, and begins. */
export function* beginning(
  session: Session,
  since?: number,
): Waiting<void> {
  requireWrite(session);
  const { turns } = session;
  const pause = turns.pauseForOthers();
  if (pause > 0) yield pause;
  const attempt = () => {
    // The connection may have been closed, lost or exchanged in a pause.
    if (turns !== session.turns || session.stopped) requireWrite(session);
    tryToBegin(session);
  };
  try {
    yield* turns.wait(attempt, since, since === undefined);
  } catch (error) {
    const waitedMs = since === undefined ? since : now() - since;
    throw session.explain(error, "write to", waitedMs);
  }
}

function tryToBegin(session: Session): void {
  // A BEGIN IMMEDIATE inside of one fails, and keeps the write lock that it took.
  refuseOwnTransaction(session, "write");
  session.each((one) => one.beforeBegin?.());
  session.isLeft = true;
  try {
    session.turns.begin();
  } catch (error) {
    session.isLeft = attempt(() => session.connection.inTransaction(), true);
    session.afterWrite();
    throw error;
  }
}

/** Runs `body` on one snapshot; inside a transaction there is one already. */
export function read<D, T>(session: Session, db: D, body: Body<D, T>): T {
  session.require();
  requireSync("read", body);
  if (session.depth > 0) return refusePromise("read", body(db));
  refuseOwnTransaction(session, "read");
  session.isLeft = true;
  session.connection.exec("BEGIN");
  return transact(session, db, body, "read");
}

/** A savepoint at once, and a promise that is kept at the COMMIT around it. */
export function writeInside<D, T>(
  session: Session,
  db: D,
  body: Body<D, T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const result = write(session, db, body);
    // Its body may await this one, which would wait for the COMMIT after it.
    if (session.made !== null && session.depth === 1) return resolve(result);
    session.inner.push((cause) => {
      if (cause === null) return resolve(result);
      const message = `Cannot write to "${session.path}": the write() around ` +
        "this writeAsync() was rolled back";
      reject(refused(message, cause));
    });
  });
}

function transact<D, T>(
  session: Session,
  db: D,
  body: Body<D, T>,
  name: "read" | "write",
): T {
  session.depth = 1;
  session.reading = name === "read";
  session.wrote = !session.reading;
  session.isLeft = false;
  try {
    if (session.wrote) session.each((one) => one.begun?.());
    const result = refusePromise(name, body(db));
    session.requireTransaction();
    if (session.wrote) session.each((one) => one.beforeCommit?.());
    session.turns.commit();
    return result;
  } catch (error) {
    session.isLeft = true;
    throw failed(session, error, "ROLLBACK");
  } finally {
    session.depth = 0;
    session.reading = false;
    if (session.stopped === "ended") session.resume();
    // Before a listener writes.
    if (session.inner.length > 0) settle(session, null);
    if (session.wrote) session.afterWrite();
  }
}

function savepoint<D, T>(session: Session, db: D, body: Body<D, T>): T {
  const name = `litelatch_${session.depth}`;
  const before = session.inner.length;
  session.connection.exec(`SAVEPOINT ${name}`);
  session.depth++;
  try {
    const result = refusePromise("write", body(db));
    session.requireTransaction();
    session.connection.exec(`RELEASE ${name}`);
    if (session.made !== null && session.depth === 2) settle(session, null);
    return result;
  } catch (error) {
    const sql = `ROLLBACK TO ${name};RELEASE ${name}`;
    throw failed(session, error, sql, before);
  } finally {
    session.depth--;
  }
}

/** Says what an error means, and undoes all, also where nobody can say it. */
export function failed(
  session: Session,
  error: unknown,
  sql: string,
  before = 0,
): unknown {
  let seen: unknown;
  try {
    return seen = session.explain(error);
  } finally {
    session.finish(sql);
    session.isLeft = false;
    settle(session, seen ?? "undone", before);
  }
}

/** Tells the `writeAsync` calls inside what became of them: `null` is done. */
function settle(session: Session, cause: unknown, before = 0): void {
  for (const tell of session.inner.splice(before)) tell(cause);
}

/** @throws {LitelatchError} If nothing may be written, or it would be lost. */
export function requireWrite(session: Session): void {
  session.require();
  if (session.reading) {
    throw refused(
      `Cannot write to "${session.path}" inside read(): its snapshot may be ` +
        "older than what others commit (SQLITE_BUSY_SNAPSHOT); begin with " +
        "write(), and read inside it",
    );
  }
  if (session.depth === 0) session.each((one) => one.beforeWrite?.());
}

/** A BEGIN of the caller's own, by exec() or on the driver's object. */
function refuseOwnTransaction(session: Session, name: string): void {
  if (!session.connection.inTransaction()) return;
  throw refused(
    `Cannot ${name} "${session.path}" here: a transaction is open on this ` +
      `connection that ${name}() did not begin; end it first`,
  );
}

/** Whether a body says of itself that it awaits. */
export function isAsync(body: unknown): boolean {
  return Object(body).constructor?.name === "AsyncFunction";
}

// After its first await a body would run outside of the transaction, and that of
// a generator not at all; so it is refused before it starts, where that shows.
function requireSync(name: string, body: unknown): void {
  if (typeof body !== "function") {
    throw new TypeError(
      `Cannot ${name}: the body must be a function, got ${typeof body}`,
    );
  }
  // To ask for its name each time took a 40th of a write.
  if (body.constructor === Function) return;
  if (/Async|Generator/.test(body.constructor?.name)) refuseAsync(name);
}

function refusePromise<T>(name: string, result: T): T {
  const then = (result as { then?: unknown } | null | undefined)?.then;
  if (typeof then === "function") {
    // Nobody will look at it any more, and it must not end the process.
    Promise.resolve(result).catch(() => {});
  } else if (
    // It has not begun, or reads on after the end: `() => statement.iterate()`.
    typeof result !== "object" ||
    !/Generator\]$/.test(Object.prototype.toString.call(result))
  ) return result;
  return refuseAsync(name);
}

function refuseAsync(name: string): never {
  throw new TypeError(
    `Cannot ${name}: the body must not return a promise or be a generator, ` +
      "because the transaction ends when it returns; await before it, or give " +
      "writeAsync(), in no other body, one with the word async",
  );
}
