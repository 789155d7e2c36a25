/**
 * From open to close: the connection of one handle may be exchanged, by hand
 * or by the heartbeat, and ends with the handle.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { UnsupportedError } from "../errors.ts";
import type { Lock } from "../lock/handle.ts";
import { whenLeaving } from "../os/leaving.ts";
import { exitProcess, whenOrphaned } from "../os/parent.ts";
import { type OpenHandle, sharedState } from "../os/shared_state.ts";
import type { Guard } from "./guard.ts";
import { awayText } from "./loss_words.ts";
import type { Session } from "./session.ts";

/** What a handle is made of, besides its connection. */
export interface Parts {
  session: Session;
  lock: Lock | null;
  guard: Guard | null;
  /** Opens the same file anew; `null` where the connection is not ours. */
  reconnect: (() => Connection) | null;
  exitWithParent: boolean;
}

/** Opens, exchanges and closes the connection of one handle. */
export class Lifetime implements OpenHandle {
  readonly #parts: Parts;
  readonly #stopWatching: () => void;
  readonly #ending = new Set<() => void>();
  #detached = false;

  /** @param close What the end of the process calls. */
  constructor(parts: Parts, close: () => void) {
    this.#parts = parts;
    this.#stopWatching = whenLeaving(close);
    const { open } = sharedState();
    const { path } = parts.session;
    const handles = open.get(path) ?? new Set();
    open.set(path, handles.add(this));
    if (!parts.exitWithParent) return;
    this.atEnd(whenOrphaned(() => {
      try {
        close();
      } finally {
        exitProcess();
      }
    }));
  }

  /**
   * Calls `end` when the handle is closed.
   *
   * @returns A function that calls it now, and forgets it.
   */
  atEnd(end: () => void): () => void {
    this.#ending.add(end);
    return () => {
      this.#ending.delete(end);
      end();
    };
  }

  obstacle(): "busy" | "adopted" | null {
    const { session, reconnect } = this.#parts;
    if (reconnect === null) return "adopted";
    if (this.#detached) return null;
    return session.depth > 0 || session.iterating > 0 ||
        session.connection.inTransaction()
      ? "busy"
      : null;
  }

  isWriting(): boolean {
    const { depth, reading } = this.#parts.session;
    return depth > 0 && !reading;
  }

  mustAbandon(): boolean {
    const { guard, reconnect } = this.#parts;
    // What was adopted is not closed here.
    if (reconnect === null || this.#detached) return false;
    return guard?.mustAbandon() === true;
  }

  refusal(): string | null {
    const { session, guard } = this.#parts;
    guard?.look();
    if (session.stopped === "lost") return session.reason;
    return guard?.isAway() ? awayText(session.path) : null;
  }

  detach(): void {
    const { session, guard } = this.#parts;
    if (this.#detached) return;
    const left = guard?.leftFiles();
    this.#detached = true;
    session.connection.close();
    left?.remove();
  }

  attach(): void {
    const { session, guard, reconnect } = this.#parts;
    if (reconnect === null) return;
    session.resume(reconnect());
    this.#detached = false;
    guard?.renew();
  }

  stop(reason: string): void {
    this.#parts.session.stop("lost", reason);
  }

  /** Closes the connection and opens the file that the path leads to now. */
  reopen(): void {
    const { session, guard, reconnect } = this.#parts;
    if (session.stopped === "closed") session.require();
    if (guard === null || reconnect === null) {
      throw new UnsupportedError(
        `Cannot reopen "${session.path}": it must be a file that open() ` +
          "opened; one that was adopted is its owner's to reopen",
      );
    }
    guard.reopen();
  }

  /** Ends it for good. */
  close(): void {
    const { session, guard, lock } = this.#parts;
    if (session.stopped === "closed") return;
    const { connection } = session;
    try {
      if (session.depth > 0 && connection.inTransaction()) {
        connection.exec("ROLLBACK");
      }
      if (this.mustAbandon()) guard?.abandon();
      else this.#closeConnection();
    } finally {
      session.stop("closed");
      guard?.stop();
      for (const end of this.#ending) end();
      this.#ending.clear();
      this.#leave();
      lock?.release();
      this.#stopWatching();
    }
  }

  #closeConnection(): void {
    // An adopted one is closed by its owner.
    if (this.#parts.reconnect !== null) this.detach();
    else this.#parts.session.connection.close();
  }

  #leave(): void {
    const { open } = sharedState();
    const handles = open.get(this.#parts.session.path);
    handles?.delete(this);
    if (handles?.size === 0) open.delete(this.#parts.session.path);
  }
}
