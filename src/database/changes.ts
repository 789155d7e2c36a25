/** Whether somebody else has changed the database. */

import type { Connection } from "../driver/contract.ts";
import { every, now, weakly } from "../os/clock.ts";
import { check } from "../settings.ts";
import type { Session } from "./session.ts";

/** What became of the database since the last look. */
export type Change = "unchanged" | "changed" | "replaced" | "gone";

/** How often `onChange` calls. */
export interface WatchOptions {
  /** At most one call per so many milliseconds. Default 1000. */
  every?: number;
}

/**
 * Begins a series of looks. `data_version` moves for every commit of another
 * connection, never for our own
 * (https://sqlite.org/pragma.html#pragma_data_version); it may move once too
 * often, for a foreign checkpoint that resets the WAL. A file that was replaced
 * or deleted lives on for SQLite, so that is seen by its identity.
 */
export function movesOf(session: Session): (waits?: boolean) => boolean {
  let known: Connection | undefined;
  let seen = 0;
  const hasMoved = (waits = true) => {
    const { connection, stopped, turns } = session;
    // A lost connection does not see what others commit.
    const ask = () => Number(connection.value("PRAGMA data_version"));
    let version = -1;
    try {
      const get = () => waits ? turns.again(ask) : turns.at(0, ask);
      if (stopped !== "lost") version = get() - session.ownMoves;
    } catch (error) {
      throw waits ? session.explain(error, "read") : error;
    }
    // A new one counts anew; what it missed shows as one change.
    const moved = connection !== known || version !== seen;
    [known, seen] = [connection, version];
    return moved;
  };
  hasMoved();
  return hasMoved;
}

// A file that is replaced or gone is told at once, whatever the interval.
const LOOK_EVERY_MS = 200;

/**
 * Tells a listener, by a timer that keeps neither it nor the process alive.
 *
 * @param away Whether the path leads to another file now, or to none.
 * @returns What ends it; it ends too once nobody refers to this.
 */
export function tellChanges(
  session: Session,
  away: () => Change | null,
  listener: (change: Exclude<Change, "unchanged">) => void,
  options: WatchOptions | undefined,
): () => void {
  const { every: least = 1000 } = check("watch", options, {
    every: (value) =>
      Number.isFinite(value) && Number(value) > 0
        ? null
        : "a number of milliseconds above 0",
  });
  if (typeof listener !== "function") {
    const got = typeof listener;
    throw new TypeError(`Cannot watch: it needs a function, got ${got}`);
  }
  let last: Change = "unchanged";
  let told = -Infinity;
  const hasMoved = movesOf(session);
  const teller = {
    tell: () => {
      const before = last;
      try {
        // What others commit, or have locked for now, is left to a later look.
        last = away() ??
          (now() - told >= least && hasMoved(false) ? "changed" : "unchanged");
      } catch {
        // The next look may succeed; nobody could catch this one's error.
        return;
      }
      if (last === "changed") told = now();
      else if (last === "unchanged" || last === before) return;
      else session.told.isSaid = true;
      listener(last);
    },
  };
  const stop = every(Math.min(least, LOOK_EVERY_MS), weakly(teller, "tell"));
  return () => {
    stop();
    teller.tell = () => {};
  };
}
