/**
 * Transactions whose body awaits, on a connection of their own: on that of the
 * handle all that the process does meanwhile would be part of them.
 */

import { LitelatchError } from "../errors.ts";
import { attempt } from "../os/builtin.ts";
import { type Nap, now, sleepAsync, unkept } from "../os/clock.ts";
import { warn } from "../os/process.ts";
import { isFirst } from "../os/shared_state.ts";
import { waitAsync, type Waiting } from "../os/waiting.ts";
import { check } from "../settings.ts";
import { busyError, placeOf } from "./busy_error.ts";
import type { Session } from "./session.ts";
import { beginning, failed, requireWrite } from "./transactions.ts";

// Those in the queue are asked as in `waitAsync`, by sleeps that no test stops.
const LOOK_EVERY_MS = 20;
const LONG_MS = 1000;
// ORMs switch foreign keys off, then rebuild a table in a transaction: its DROP
// TABLE would delete the rows that refer to it.
const INHERITED = ["foreign_keys", "synchronous"];

const SETTLED = () =>
  "the body of its writeAsync() has settled; await all that uses its handle " +
  "before it returns";
const IN_MEMORY = () =>
  "the body of a writeAsync() has not settled, and in memory there is only one " +
  "connection; await it first, or use the handle that the body was given";

/** The second connection of a handle. */
export interface Apart {
  readonly session: Session;
  close(keepsLock: boolean): void;
}

type Run = (session: Session) => unknown;

interface Call {
  start(): Promise<void>;
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  reject(reason: unknown): void;
}

/** Asynchronous writes of one handle, in the order of the calls. */
export class AsyncWrites {
  readonly #main: Session;
  readonly #open: () => Waiting<Apart>;
  readonly #queue: Call[] = [];
  #apart: Apart | null = null;
  #current: Call | null = null;
  /** What a body has that has not settled. */
  lent: Session | null = null;
  #nap: Nap | null = null;

  constructor(main: Session, open: () => Waiting<Apart>) {
    this.#main = main;
    this.#open = open;
  }

  /** Runs what waits and writes after all that came earlier. */
  queue<T>(
    way: (since: number) => Waiting<unknown>,
    options: { signal?: AbortSignal } | undefined,
  ): Promise<Awaited<T>> {
    return new Promise<unknown>((resolve, reject) => {
      check("write", options, {});
      const signal = options?.signal;
      if (this.#main.reason !== IN_MEMORY) this.#main.require();
      const since = now();
      const start = () => waitAsync(way(since), signal).then(resolve, reject);
      const call = { start, since, signal, reject };
      this.#queue.push(call);
      if (this.#current === null) return void this.#work();
      // It will run with the AsyncLocalStorage of its own call.
      let go: () => void;
      const turn = new Promise<void>((pass) => go = pass).then(start);
      call.start = () => (go(), turn);
      if (this.#nap === null) void this.#keep();
    }) as Promise<Awaited<T>>;
  }

  async #work(): Promise<void> {
    let turn = now();
    while ((this.#current = this.#queue.shift() ?? null) !== null) {
      await this.#current.start();
      // With nobody else there no one sleeps, and the event loop stands still.
      if (!this.#queue.length || now() - turn < LOOK_EVERY_MS) continue;
      await sleepAsync(1);
      turn = now();
    }
    // `deno test` takes for a leak what sleeps on.
    this.#nap?.end?.();
  }

  async #keep(): Promise<void> {
    for (; this.#queue.length; this.#look()) {
      await sleepAsync(LOOK_EVERY_MS, this.#nap = {});
    }
    this.#nap = null;
  }

  /** Ends the wait of those whose time is up. */
  #look(): void {
    const { path, settings: { busyTimeout } } = this.#main;
    let late: unknown;
    for (const call of this.#queue.splice(0)) {
      if (call.signal?.aborted) call.reject(call.signal.reason);
      else if (now() - call.since < busyTimeout) this.#queue.push(call);
      // To ask for each of thousands who has it would take seconds.
      else call.reject(late ??= busyError("write to", path, busyTimeout, null));
    }
  }

  /** Waits for a turn, and runs a body that awaits, asked for at `made`. */
  *writing(run: Run, made: Error, since: number): Waiting<unknown> {
    const main = this.#main;
    requireWrite(main);
    // Meanwhile the handle may be closed, or opened anew elsewhere.
    while (this.#apart?.session.path !== main.path) {
      this.#drop();
      this.#apart = yield* this.#open();
    }
    if (main.stopped === "closed") this.#drop();
    main.require();
    const { session } = this.#apart;
    session.require();
    if (session !== main && (main.isPersonal || main.turns.isShared)) {
      for (const name of INHERITED) {
        const sql = `PRAGMA ${name}`;
        session.connection.exec(`${sql}=${main.connection.value(sql)}`);
      }
    }
    yield* beginning(session, since);
    session.isLeft = false;
    session.depth = 1;
    session.made = made;
    if (session === main) session.stop("ended", IN_MEMORY);
    // At once: whoever closes the handle finds it waiting or in its body.
    return this.#transact(run, session);
  }

  async #transact(run: Run, session: Session): Promise<unknown> {
    // Its end is none of the connection: what it does not set it sees of that.
    const lent = this.lent = Object.create(session) as Session;
    if (session === this.#main) lent.stopped = null;
    let stop: (() => void) | undefined;
    try {
      const warn = () => attempt(() => warnOfLong(session), null);
      stop = unkept(setTimeout(warn, LONG_MS));
      const disown = disowning(this.#main, session);
      session.each((one) => one.begun?.());
      const result = await run(lent);
      lent.requireTransaction();
      session.each((one) => one.beforeCommit?.());
      session.turns.commit();
      disown();
      return result;
    } catch (error) {
      throw failed(lent, error, "ROLLBACK");
    } finally {
      stop?.();
      lent.depth = session.depth = 0;
      session.made = null;
      lent.stop("ended", SETTLED);
      this.lent = null;
      if (session.stopped === "ended") session.resume();
      session.afterWrite();
      // The next one gets no settings, temporary tables or open loops of it.
      if (lent.isPersonal || lent.iterating > 0) {
        attempt(() => this.#drop(), null);
      }
    }
  }

  #drop(): void {
    const apart = this.#apart;
    this.#apart = null;
    apart?.close(true); // that of the handle
  }

  /** Rolls back what is open, and refuses what has not begun. */
  close(): void {
    this.#drop();
    this.lent?.stop("closed");
    // What waits for its turn, or has committed, settles by itself.
    const calls = [this.lent && this.#current, ...this.#queue.splice(0)];
    const error = new LitelatchError(
      "LITELATCH_CLOSED",
      `Cannot write to "${this.#main.path}": its handle was closed before ` +
        "this writeAsync() had committed, and nothing was written",
    );
    for (const call of calls) call?.reject(error);
  }
}

function warnOfLong({ made, path, settings }: Session): void {
  const place = placeOf(made);
  if (!isFirst(`long write ${place}`)) return;
  const text = `The body of a writeAsync() on "${path}" has kept everybody ` +
    "else from writing for more than a second; await what takes long before " +
    `it. It was called ${place}`;
  warn(text, "LITELATCH_LONG_WRITE", settings.onWarning);
}

/**
 * A commit of ours is no change by others, unless one of theirs came between:
 * that moves the version of the connection that committed, too.
 */
function disowning(main: Session, own: Session): () => void {
  const ask = (one: Session) =>
    one.prepare("PRAGMA data_version").get([])?.["data_version"];
  const versionOf = (one: Session) => attempt(() => Number(ask(one)), NaN);
  // In a loop over rows it would be that of its snapshot.
  const before = main.isIdle ? versionOf(main) : NaN;
  const known = versionOf(own);
  return () => {
    const moves = versionOf(main) - before;
    if (versionOf(own) === known && moves > 0) main.ownMoves += moves;
  };
}
