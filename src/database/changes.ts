/** Whether somebody else has changed the database. */

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
  #connection: Connection | undefined;
  #version = 0;

  constructor(session: Session, away: Away) {
    this.#session = session;
    this.#away = away;
    this.#hasMoved();
  }

  /**
   * What changed since the last look.
   *
   * @param awayOnly Whether to leave what others commit to a later look.
   */
  look(awayOnly = false): Change {
    if (this.#session.stopped === "closed") return "unchanged";
    const moved = () => !awayOnly && this.#hasMoved();
    return this.#away() ?? (moved() ? "changed" : "unchanged");
  }

  #hasMoved(): boolean {
    const { connection, stopped, turns } = this.#session;
    // A lost connection does not see what others commit.
    const version = stopped === "lost"
      ? -1
      : turns.again(() => Number(connection.value("PRAGMA data_version")));
    // A new one counts anew; what it missed shows as one change.
    const moved = connection !== this.#connection || version !== this.#version;
    this.#connection = connection;
    this.#version = version;
    return moved;
  }
}

// A file that is replaced or gone is told at once, whatever the interval.
const LOOK_EVERY_MS = 200;

/** Tells a listener, by a timer that keeps neither it nor the process alive. */
export class ChangeListener extends ChangeWatch {
  readonly #tell: () => void;
  /** Ends it. */
  readonly stop: () => void;

  constructor(
    session: Session,
    away: Away,
    listener: (change: Exclude<Change, "unchanged">) => void,
    { every = 1000 }: WatchOptions = {},
  ) {
    const isNumber = Number.isFinite(every) && every > 0;
    if (!isNumber || typeof listener !== "function") {
      throw new TypeError(
        'Cannot watch: it needs a function, and for "every" a number of ' +
          "milliseconds above 0",
      );
    }
    super(session, away);
    let last: Change = "unchanged";
    let told = -Infinity;
    this.#tell = () => {
      const before = last;
      try {
        last = this.look(now() - told < every);
      } catch {
        // The next look may succeed; nobody could catch this one's error.
        return;
      }
      if (last === "changed") told = now();
      else if (last === "unchanged" || last === before) return;
      listener(last);
    };
    const interval = Math.min(every, LOOK_EVERY_MS);
    this.stop = everyWeakly(interval, this, (one) => one.#tell());
  }
}
