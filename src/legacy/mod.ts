/**
 * Keeps an older version of an application out, and is kept out by it, for the
 * release in which it changes over to litelatch.
 *
 * The old version knows a lock file at a path of its own: a bare PID, JSON with
 * a `pid`, or the folder that proper-lockfile makes. While its process is alive
 * it is an exclusive holder to us. To keep it out, one of ours leaves its PID
 * there; all of ours share that file, and the last one out removes it.
 *
 * ```ts
 * import { acquireLock } from "@litelatch/litelatch";
 * import { legacyLocks } from "@litelatch/litelatch/legacy";
 *
 * const folder = new URL("./", import.meta.url);
 * const legacy = legacyLocks(new URL("./server.pid", import.meta.url));
 * using lock = acquireLock(folder, { legacy });
 * console.log(lock.held); // true
 * ```
 *
 * @module
 */

export { legacyLocks } from "./legacy_locks.ts";
export type {
  Holder,
  LegacyGuard,
  LegacyLike,
  LockMode,
  OldVersion,
} from "../options.ts";
