/**
 * From the paths that a caller names to what guards a lock.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { requireRuntime } from "../driver/runtime.ts";
import { LitelatchError } from "../errors.ts";
import type { LegacyLike } from "../options.ts";
import { locate, toPath } from "../os/paths.ts";
import { lstat } from "../os/stat.ts";
import { LegacyGuards } from "./legacy_guard.ts";

/**
 * Says where an older version of the application keeps its locks: the value of
 * the option `legacy`.
 *
 * While a process of the old version is alive, it is an exclusive holder. While
 * we hold the lock, a PID of ours is at each path. What lies there is touched
 * only if it has the form of a lock: a PID, a JSON object with a number as
 * `pid`, an empty file, or an empty folder. Anything else is refused with
 * `LITELATCH_OPEN`, and never opened.
 *
 * Nobody is kept out by a number that can be no PID; by a file that is older
 * than the process that has its PID now, or than the boot; by an empty file
 * that is older than five seconds; by a folder that nobody has touched for a
 * minute; or by JSON with the `hostname` or `host` of another host that is older
 * than a day.
 *
 * A legacy path guards one lock. For several databases guard the lock of a folder,
 * `acquireLock(folder, { legacy })`, and open them without `legacy`.
 *
 * @param paths Files or `file:` URLs. Their folders must exist when the lock is
 * taken.
 * @returns What `open` and `acquireLock` take as `legacy`.
 * @throws {TypeError} If there is no path, or one is none.
 * @throws {UnsupportedError} On a runtime that is none of ours, or too old.
 *
 * @example While processes of the version before may still run
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { legacyLocks } from "@litelatch/litelatch/legacy";
 *
 * const legacy = legacyLocks(new URL("./server.pid", import.meta.url));
 * using db = open(new URL("./app.db", import.meta.url), { legacy });
 * console.log(db.path);
 * ```
 */
export function legacyLocks(...paths: (string | URL)[]): LegacyLike {
  requireRuntime();
  if (paths.length === 0) {
    throw new TypeError("Cannot guard legacy locks: there must be a path");
  }
  const asked = paths.map(toPath);
  return {
    guard: (target) =>
      new LegacyGuards(target, asked.map((path) => placeOf(path, target))),
  };
}

/** Follows links to its folder only: a link at the path itself is refused. */
function placeOf(path: string, target: string): string {
  let found: string;
  try {
    found = lstat(path)?.kind === "link" ? path : locate(path).path;
  } catch (error) {
    throw new LitelatchError(
      "LITELATCH_OPEN",
      `Cannot lock "${target}": the folder of the legacy path "${path}" must ` +
        `exist and be readable; ${messageOf((error as Error).cause ?? error)}`,
      { cause: error },
    );
  }
  if (!found.startsWith(target) || !OWN.test(found.slice(target.length))) {
    return found;
  }
  throw new TypeError(
    `Cannot lock "${target}": the legacy path must not be a file of ` +
      `litelatch's own, nor of SQLite, got "${found}"; take a lock of another ` +
      'name with acquireLock(…, { legacy }), and open a database with { lock: "none" }',
  );
}

const OWN = /^(?:\.lock|\.pid(?:-[0-9a-f]{16})?|-wal|-shm|-journal)$/;
