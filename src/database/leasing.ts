/**
 * Writes that need a lease: they ask whether it stands before they begin and
 * before they commit.
 *
 * Between that question and the commit a process can be stopped for as long as
 * anybody likes, so with fencing the database itself decides: it keeps the
 * highest fence it has seen, and every write looks at it in its own
 * transaction. A new holder raises it before it reads anything; from then on
 * no older holder commits.
 *
 * @module
 */

import type { GaveUp } from "../busy.ts";
import type { Connection } from "../driver/contract.ts";
import { primaryCode, SQLITE } from "../driver/failure.ts";
import { LockLostError, UnsupportedError } from "../errors.ts";
import type { LeaseLike } from "../options.ts";
import type { Waiting } from "../os/waiting.ts";
import type { Settings } from "../settings.ts";
import type { LeaseGuard, Session } from "./session.ts";
import { writeAsync } from "./transactions.ts";

/** Makes every write of a session need the lease, and raises the fence. */
export function* leasing(
  session: Session,
  lease: LeaseLike,
  settings: Settings,
): Waiting<void> {
  if (!isFenced(settings)) {
    session.lease = new Asking(session, lease);
    return;
  }
  const fencing = new Fencing(session, lease);
  session.lease = fencing;
  yield* writeAsync(session, null, () => fencing.raise());
}

/** With fencing, nothing but `write` may write on a connection. */
export function shut(connection: Connection, settings: Settings): void {
  if (isFenced(settings)) connection.exec("PRAGMA query_only=1");
}

function isFenced(settings: Settings): boolean {
  return settings.fencing && !settings.readOnly;
}

/** Asks the lease. */
class Asking implements LeaseGuard {
  protected readonly session: Session;
  protected readonly lease: LeaseLike;

  constructor(session: Session, lease: LeaseLike) {
    this.session = session;
    this.lease = lease;
  }

  require(): void {
    const { held, lost, path } = this.lease;
    if (held) return;
    const reason = lost?.reason instanceof Error
      ? lost.reason.message
      : `The lease "${path}" was released or lost. Acquire it again.`;
    throw new LockLostError(
      `Cannot write to "${this.session.path}", and nothing was written: its ` +
        `lease does not stand any more. ${reason}`,
    );
  }

  begin<T>(run: () => T): T {
    return run();
  }

  beginAsync<T>(waiting: Waiting<T>): Waiting<T> {
    return waiting;
  }

  enter(): void {}

  leave(): void {}

  exempt<T>(run: () => T): T {
    return run();
  }

  explain(error: unknown): unknown {
    return error;
  }
}

/** Asks the lease, and the database for the highest fence. */
class Fencing extends Asking {
  #raised = false;

  override begin<T>(run: () => T): T {
    this.#open();
    let begun = false;
    try {
      const result = run();
      begun = isBegun(result);
      return result;
    } finally {
      if (!begun) this.leave();
    }
  }

  override *beginAsync<T>(waiting: Waiting<T>): Waiting<T> {
    let open = false;
    try {
      for (;;) {
        // It may have been closed or lost while this one waited.
        this.session.require();
        this.#open();
        open = true;
        const step = waiting.next();
        if (step.done) {
          open = !isBegun(step.value);
          return step.value;
        }
        // Others use the connection while this one waits for its turn.
        this.leave();
        open = false;
        yield step.value;
      }
    } finally {
      if (open) this.leave();
    }
  }

  /** Inside its own first transaction. */
  raise(): void {
    const { connection } = this.session;
    connection.exec(
      "CREATE TABLE IF NOT EXISTS litelatch_fence (" +
        "id INTEGER PRIMARY KEY CHECK (id = 1), fence INTEGER NOT NULL)",
    );
    this.#raised = true;
    this.enter();
  }

  override enter(): void {
    if (!this.#raised) return;
    const { connection, path } = this.session;
    const { fence, path: name } = this.lease;
    // As text: a number of 64 bits is none of JavaScript's.
    const text = connection.value(
      "SELECT CAST(max(fence) AS TEXT) FROM litelatch_fence",
    );
    const highest = typeof text === "string" ? BigInt(text) : null;
    if (highest === BigInt(fence)) return;
    if (highest !== null && highest > fence) {
      throw new LockLostError(
        `Cannot write to "${path}", and nothing was written: the fence of ` +
          `lease "${name}" is ${fence}, and the database has seen ${highest}. ` +
          "Another holder has taken over since; acquire the lease again, and " +
          "open the database anew. (After etcd was set up anew its numbers " +
          "begin anew: then DELETE FROM litelatch_fence, once.)",
      );
    }
    connection.exec(
      `INSERT OR REPLACE INTO litelatch_fence VALUES(1,${fence})`,
    );
  }

  override leave(): void {
    if (this.session.stopped === "closed") return;
    this.session.connection.exec("PRAGMA query_only=1");
  }

  override exempt<T>(run: () => T): T {
    this.#open();
    try {
      return run();
    } finally {
      this.leave();
    }
  }

  override explain(error: unknown): unknown {
    const { depth } = this.session;
    if (depth > 0 || primaryCode(error) !== SQLITE.READONLY) return error;
    return new UnsupportedError(
      `Cannot write to "${this.session.path}" outside of write(): with ` +
        "fencing, each transaction must look at the fence; put it into " +
        "write() or writeAsync()",
      { cause: error },
    );
  }

  #open(): void {
    this.session.connection.exec("PRAGMA query_only=0");
  }
}

function isBegun(result: unknown): boolean {
  return (result as GaveUp | null) === null;
}
