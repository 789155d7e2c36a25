/** The handle: one open database. */

import type { Lock } from "../lock/lock.ts";
import { sharedState } from "../os/shared_state.ts";
import { identityOf } from "../os/stat.ts";
import { backup } from "./backup.ts";
import { refused } from "./busy_error.ts";
import {
  type Change,
  movesOf,
  tellChanges,
  type WatchOptions,
} from "./changes.ts";
import { checkpointNow, type CheckpointResult } from "./checkpoint_now.ts";
import { Lifetime, type Parts } from "./lifetime.ts";
import { kept, type Session } from "./session.ts";
import { Statement } from "./statement.ts";
import { isAsync, read, write, writeInside, writing } from "./transactions.ts";

/**
 * An open database. Make one with {@linkcode open}, {@linkcode openAsync} or
 * {@linkcode adopt}. Once it is closed, its methods and statements throw a
 * {@linkcode LitelatchError} `LITELATCH_CLOSED`.
 */
export class Database implements Disposable {
  readonly #parts: Parts;
  readonly #session: Session;
  /** `null` for the handle of one transaction, which ends with it. */
  readonly #lifetime: Lifetime | null;
  readonly #statements = new Map<string, Statement>();
  /** What ends each of them. */
  readonly #listeners = new Set<() => void>();
  readonly #hasMoved: () => boolean;

  /** @ignore */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.#session = parts.session;
    const isLent = parts.asyncWrites === null;
    // It reads, and that may fail: then nothing may be registered. In one
    // transaction nobody else writes.
    this.#hasMoved = isLent ? () => false : movesOf(this.#session);
    this.#lifetime = isLent ? null : new Lifetime(parts, this);
  }

  /** The file, absolute and without symbolic links; or `":memory:"`. */
  get path(): string {
    return this.#session.path;
  }

  /** Its lock; `null` without one. */
  get lock(): Lock | null {
    return this.#session.lock;
  }

  /** What was warned of in this thread, the latest last, printed or not. */
  get warnings(): string[] {
    return [...sharedState().warnings];
  }

  /**
   * The driver's own object, for what this handle does not offer.
   *
   * @throws {LitelatchError} If it is closed, also by us for a lost WAL.
   */
  get native(): unknown {
    const session = this.#session;
    if (!session.isOpen || session.stopped === "ended") throw session.refusal();
    session.turns.share();
    session.letCheckpoint();
    session.isPersonal = true;
    this.#lifetime?.outlive();
    return session.connection.native;
  }

  /**
   * Runs one or more statements and forgets their rows.
   *
   * @param sql Statements, separated by semicolons.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   * @throws {LockLostError} If what it writes would be lost.
   */
  exec(sql: string): void {
    const session = this.#session;
    session.require();
    session.guarded(() => session.connection.exec(sql), session.heed(sql));
  }

  /**
   * Prepares a statement. The last hundred are kept for the next call.
   *
   * @param sql One statement.
   * @returns The statement, which lives as long as this handle.
   */
  prepare(sql: string): Statement {
    const make = () => new Statement(this, this.#session, sql);
    try {
      return kept(this.#statements, sql, make);
    } catch (error) {
      throw this.#session.explain(error);
    }
  }

  /**
   * Runs `body` on one snapshot: what others commit meanwhile is not seen.
   *
   * @param body Called once, with this handle. It must not be async.
   * @returns What `body` returns.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   * @throws {TypeError} If `body` returns a promise or a generator.
   */
  read<T>(body: (db: Database) => T): T {
    return read(this.#session, this, body);
  }

  /**
   * Runs `body` in an immediate transaction. It waits for its turn, at most
   * `busyTimeout` milliseconds, while the thread sleeps; then `body` runs
   * once, and all that it wrote is committed, or nothing if it throws. Inside
   * another `write` it is a savepoint.
   *
   * @param body Called once, with this handle. It must not be async.
   * @returns What `body` returns.
   * @throws {BusyError} If its turn did not come; then `body` was not called.
   * @throws {LockLostError} If it would be lost; then nothing is written.
   * @throws {LitelatchError} `LITELATCH_BUSY` inside of {@linkcode Database.read}.
   * @throws {TypeError} If `body` returns a promise or a generator; then
   * nothing is written.
   */
  write<T>(body: (db: Database) => T): T {
    return write(this.#session, this, body);
  }

  /**
   * Does what {@linkcode Database.write} does, but the event loop goes on. Inside
   * a `write` it runs at once, and its promise is kept at the COMMIT.
   *
   * An `async` body may await: it runs on a connection of its own, in the order
   * of such calls, and commits when its promise settles. Only the handle that it
   * is given writes in that transaction; this one may read meanwhile.
   *
   * @param body Called once, with this handle; with one of its own if it is
   * `async`.
   * @param options A `signal` that ends the wait, and never a body.
   * @returns What `body` returns.
   * @throws What {@linkcode Database.write} does, and the reason of `signal`.
   */
  writeAsync<T>(
    body: (db: Database) => T,
    options?: { signal?: AbortSignal },
  ): Promise<Awaited<T>> {
    const { asyncWrites, session } = this.#parts;
    const isInside = session.depth > 0 && session.stopped === null;
    // A handle of one transaction is refused once that has ended.
    if (isInside || asyncWrites === null) {
      return writeInside(session, this, body) as Promise<Awaited<T>>;
    }
    // This handle is not collected before it has run.
    const run = (session: Session) =>
      body(new Database({ ...this.#parts, session, asyncWrites: null }));
    const made = isAsync(body) ? new Error() : null;
    return asyncWrites.queue<T>((since) => {
      return made
        ? asyncWrites.writing(run, made, since)
        : writing(session, this, body, since);
    }, options);
  }

  /**
   * Copies the database, as it is at this moment, into a new file. Others may
   * read and write meanwhile. Never copy a live database with `fs.copyFile`:
   * closing the copied file drops this process's locks on it.
   *
   * @param destination The new file; nothing may be there yet.
   * @throws {LitelatchError} `LITELATCH_BACKUP` if it cannot be made; then
   * nothing is left at `destination`.
   */
  backup(destination: string): void {
    this.#parts.watch?.look();
    backup(this.#session, destination);
  }

  /**
   * Empties the WAL file, in several attempts of at most 160 ms each, during
   * which writers wait. It happens by itself when the file is past
   * `journalSizeLimit`.
   *
   * @returns What was done, and who kept it from being done.
   * @throws {LitelatchError} If it is called inside a transaction.
   * @throws {LockLostError} If one of its files was taken away.
   */
  checkpoint(): CheckpointResult {
    return checkpointNow(this.#session, () => this.#parts.watch?.beat());
  }

  /**
   * Whether others have changed the database since the last call, or since it
   * was opened. Own writes never count. It may say `"changed"` once too often,
   * never too seldom.
   *
   * @returns `"replaced"` if the path leads to another file now, `"gone"` if
   * to none; then what this handle reads and writes is the old file.
   * @throws {LockLostError} If this handle cannot see any more what others do.
   */
  poll(): Change {
    const found = this.#away();
    this.#session.told.isSaid ||= found !== null;
    if (found !== null) return found;
    this.#session.require();
    this.#parts.watch?.look();
    return this.#hasMoved() ? "changed" : "unchanged";
  }

  /**
   * Calls a listener when others have changed the database; at once when its file
   * was replaced or is gone. Ends with the handle, and keeps no process alive.
   *
   * @param listener Called with `"changed"`, `"replaced"` or `"gone"`.
   * @param options `every`: at most one call per so many milliseconds,
   * default 1000.
   * @returns A function that ends it.
   * @throws {TypeError} If that is no number above 0, or there is no listener.
   */
  onChange(
    listener: (change: Exclude<Change, "unchanged">) => void,
    options?: WatchOptions,
  ): () => void {
    this.#session.require();
    if (this.#lifetime === null) refuseInside();
    const away = () => this.#away();
    const stop = tellChanges(this.#session, away, listener, options);
    this.#listeners.add(stop);
    return () => {
      stop();
      this.#listeners.delete(stop);
    };
  }

  /**
   * Opens the file that the path leads to now, with the same settings, and
   * keeps the lock. For a file that was replaced, or after a
   * {@linkcode LockLostError}. This process's other handles on it are opened
   * anew with it. `native` is another object afterwards, and what was set on
   * the connection (pragmas, attached databases, temporary tables) is gone.
   *
   * @throws {UnsupportedError} For an adopted database, or one in memory.
   * @throws {LitelatchError} Inside a transaction or a loop over rows.
   * @throws {LockLostError} If what was lost cannot be had back.
   */
  reopen(): void {
    (this.#lifetime ?? refuseInside()).reopen();
  }

  /**
   * Closes it and lets its lock go. An adopted database stays open for its
   * owner. A second call does nothing.
   *
   * @throws {LockLostError} After it is closed, if commits may be lost and no
   * call has said so yet.
   */
  close(): void {
    this.#statements.clear();
    for (const stop of this.#listeners) stop();
    this.#listeners.clear();
    (this.#lifetime ?? refuseInside()).close();
  }

  /** Whether the path leads to another file now; also by a re-pointed link. */
  #away(): "replaced" | "gone" | null {
    const { watch, session } = this.#parts;
    if (watch === null || session.stopped === "closed") return null;
    const identity = identityOf(session.asked, true);
    if (identity === watch.files.open[""]) return null;
    return identity === null ? "gone" : "replaced";
  }

  /** Closes it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function refuseInside(): never {
  throw refused(
    "Cannot close, reopen or watch it inside of a transaction: its handle " +
      "ends with that",
  );
}
