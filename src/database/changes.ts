/**
 * Whether somebody else has changed the database.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { everyWeakly, now } from "../os/clock.ts";
import type { Session } from "./session.ts";

/** What became of the database since the last look. */
export type Change = "unchanged" | "changed" | "replaced" | "gone";

/** How often `onChange` calls. */
export interface WatchOptions {
  /** At most one call per so many milliseconds. Default 1000. */
  every?: number;
}

/** Whether the path leads to another file than the open one, or to none. */
export type Away = () => "replaced" | "gone" | null;

/**
 * Compares with the last look. `data_version` moves for every commit of
 * another connection, never for our own
 * (https://sqlite.org/pragma.html#pragma_data_version); it may move once too
 * often, for a foreign checkpoint that resets the WAL. A file that was replaced
 * or deleted lives on for SQLite, so that is seen by its identity.
 */
export class ChangeWatch {
  readonly #session: Session;
  readonly #away: Away;
  #connection: Connection;
  #version: number;

  constructor(session: Session, away: Away) {
    this.#session = session;
    this.#away = away;
    this.#connection = session.connection;
    this.#version = versionOf(session);
  }

  /** What changed since the last look. */
  look(): Change {
    const away = this.#away();
    if (away !== null) return away;
    const version = this.#current();
    if (version === this.#version) return "unchanged";
    this.#version = version;
    return "changed";
  }

  #current(): number {
    const { connection, stopped } = this.#session;
    // A lost connection does not see what others commit.
    if (stopped === "lost") return LOST;
    if (connection !== this.#connection) {
      // A new one counts anew; what it missed shows as one change.
      this.#connection = connection;
      this.#version = NEW;
    }
    return versionOf(this.#session);
  }
}

const LOST = -1;
const NEW = -2;

function versionOf({ connection, turns }: Session): number {
  return turns.again(() => Number(connection.value("PRAGMA data_version")));
}

// A file that is replaced or gone is told at once, whatever the interval.
const LOOK_EVERY_MS = 200;

/** Tells a listener, by a timer that keeps neither it nor the process alive. */
export class ChangeListener {
  readonly #changes: ChangeWatch;
  readonly #session: Session;
  readonly #every: number;
  readonly #listener: (change: Exclude<Change, "unchanged">) => void;
  #told = -Infinity;
  #isPending = false;
  #away: Change | null = null;
  /** Ends it. */
  readonly stop: () => void;

  constructor(
    session: Session,
    away: Away,
    listener: (change: Exclude<Change, "unchanged">) => void,
    { every = 1000 }: WatchOptions = {},
  ) {
    if (typeof listener !== "function") {
      throw new TypeError(
        `Cannot watch: the listener must be a function, got ${typeof listener}`,
      );
    }
    if (!Number.isFinite(every) || every <= 0) {
      throw new TypeError(
        `Cannot watch: "every" must be a number of milliseconds, got ${every}`,
      );
    }
    this.#session = session;
    this.#changes = new ChangeWatch(session, away);
    this.#listener = listener;
    this.#every = every;
    const interval = Math.min(every, LOOK_EVERY_MS);
    this.stop = everyWeakly(interval, this, (one) => one.#look());
  }

  #look(): void {
    if (this.#session.stopped === "closed") return;
    let change: Change;
    try {
      change = this.#changes.look();
    } catch {
      // The next look may succeed; nobody could catch this one's error.
      return;
    }
    if (change === "replaced" || change === "gone") {
      if (change === this.#away) return;
      this.#away = change;
      return this.#listener(change);
    }
    this.#away = null;
    this.#isPending ||= change === "changed";
    // A change that came too early is told when the interval is over.
    if (!this.#isPending || now() - this.#told < this.#every) return;
    this.#isPending = false;
    this.#told = now();
    this.#listener("changed");
  }
}
