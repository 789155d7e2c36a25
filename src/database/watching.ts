/**
 * Tells a listener when somebody else has changed the database.
 *
 * @module
 */

import { now } from "../os/waiting.ts";
import { type Change, ChangeWatch, type OpenFile } from "./change.ts";
import type { Session } from "./session.ts";

/** How often `onChange` calls. */
export interface WatchOptions {
  /** At most one call per so many milliseconds. Default 1000. */
  every?: number;
}

// A file that is replaced or gone is told at once, whatever the interval.
const LOOK_EVERY_MS = 200;

/**
 * Calls `listener` when the database has changed. Looks with a timer that
 * keeps no process alive.
 *
 * @returns A function that ends it.
 */
export function watch(
  session: Session,
  file: OpenFile | null,
  listener: (change: Exclude<Change, "unchanged">) => void,
  { every = 1000 }: WatchOptions = {},
): () => void {
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
  const changes = new ChangeWatch(session, file);
  let told = -Infinity;
  let pending = false;
  let away: Change | null = null;
  const look = (): void => {
    if (session.stopped === "closed") return;
    let change: Change;
    try {
      change = changes.look(session);
    } catch {
      // The next look may succeed; nobody could catch this one's error.
      return;
    }
    if (change === "replaced" || change === "gone") {
      if (change === away) return;
      away = change;
      return listener(change);
    }
    away = null;
    pending ||= change === "changed";
    // A change that came too early is told when the interval is over.
    if (!pending || now() - told < every) return;
    pending = false;
    told = now();
    listener("changed");
  };
  const timer = setInterval(look, Math.min(every, LOOK_EVERY_MS));
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}
