/**
 * The lock by itself, for a folder or any file.
 *
 * @module
 */

import { requireRuntime } from "../driver/runtime.ts";
import { LitelatchError, UnsupportedError } from "../errors.ts";
import type { LockMode, LockOptions } from "../options.ts";
import { lockSettings } from "../settings.ts";
import { facts, type FileFacts } from "../os/look.ts";
import { locate, type Location, toPath } from "../os/paths.ts";
import { waitAsync, waitSync } from "../os/waiting.ts";
import { acquire } from "./acquire.ts";
import type { Lock } from "./handle.ts";
import { warnOfNetwork } from "./network.ts";

/**
 * Takes a lock that every process on this machine respects, on a folder or a
 * file that need not be a database, nor exist. The lock is `<path>.lock`, and
 * `<path>.pid` says who has it; both lie beside `path`.
 *
 * The kernel frees the lock when the process dies, however it dies. The thread
 * sleeps while it waits; see {@linkcode acquireLockAsync} for the other way.
 *
 * @param path What to lock. Symbolic links are followed.
 * @param options `mode`, default `"exclusive"`; `wait` in milliseconds,
 * default 0; `app` and `purpose` for whoever is refused.
 * @returns The lock. Locks of one process count together.
 * @throws {LockedError} If others hold it, and still do after `wait`.
 * @throws {UnsupportedError} If the file system cannot lock, or the runtime is
 * too old.
 * @throws {LitelatchError} If the lock file cannot be opened.
 * @throws {TypeError} If an option is misspelt or has a wrong value.
 *
 * @example Only one at a time may build
 * ```ts
 * import { acquireLock } from "@litelatch/litelatch";
 *
 * const folder = new URL("./", import.meta.url);
 * using lock = acquireLock(folder, { app: "builder", wait: 5000 });
 * console.log(`${lock.path} is ours until the end of this block`);
 * ```
 */
export function acquireLock(path: string | URL, options?: LockOptions): Lock {
  const settings = lockSettings(options);
  const { what, target } = lockTarget(path, settings.mode);
  const lock = waitSync(acquire(what, target, settings));
  warnOfNetwork(target);
  return lock;
}

/**
 * Takes a lock as {@linkcode acquireLock} does; the event loop goes on while
 * it waits.
 *
 * @param path What to lock.
 * @param options As for {@linkcode acquireLock}, and a `signal` that ends the
 * wait.
 * @returns The lock.
 * @throws {LockedError} If others hold it, and still do after `wait`.
 *
 * @example Wait for up to a minute, unless told otherwise
 * ```ts
 * import { acquireLockAsync } from "@litelatch/litelatch";
 *
 * const folder = new URL("./", import.meta.url);
 * using lock = await acquireLockAsync(folder, {
 *   wait: 60_000,
 *   signal: AbortSignal.timeout(90_000),
 * });
 * console.log(lock.held); // true
 * ```
 */
export async function acquireLockAsync(
  path: string | URL,
  options?: LockOptions & { signal?: AbortSignal },
): Promise<Lock> {
  const settings = lockSettings(options);
  const { what, target } = lockTarget(path, settings.mode);
  const procedure = acquire(what, target, settings);
  const lock = await waitAsync(procedure, options?.signal);
  warnOfNetwork(target);
  return lock;
}

function lockTarget(
  path: string | URL,
  mode: LockMode,
): { what: string; target: Location } {
  requireRuntime();
  const asked = toPath(path);
  let target: Location;
  try {
    target = locate(asked);
  } catch (error) {
    throw new LitelatchError(
      "LITELATCH_OPEN",
      `Cannot lock "${asked}": its folder must exist and be readable; ${
        error instanceof Error ? error.message : error
      }`,
      { cause: error },
    );
  }
  const found = facts(target.path);
  refuseHardLinks(target.path, mode, found);
  return { what: found?.kind === "folder" ? "Folder" : "File", target };
}

/**
 * Another name of the same file is another lock, so an exclusive lock on a
 * file with several hard links would be a false promise.
 */
export function refuseHardLinks(
  path: string,
  mode: LockMode,
  found: FileFacts | null,
): void {
  if (mode === "shared" || found?.kind !== "file" || found.links < 2n) return;
  throw new UnsupportedError(
    `Cannot lock "${path}" exclusively: it must have one name, but it has ` +
      `${found.links} hard links, and each would be a lock of its own. ` +
      "Remove the other links, or lock it shared.",
  );
}
