/** The lock by itself, for a folder or any file. @module */

import { requireSqlite } from "../driver/runtime.ts";
import { UnsupportedError } from "../errors.ts";
import type { LockOptions } from "../options.ts";
import { crossesHosts, filesystemOf } from "../os/filesystem.ts";
import { locate, type Location, toPath } from "../os/paths.ts";
import { warn } from "../os/process.ts";
import { mountOf } from "../os/procfs.ts";
import { isFirst } from "../os/shared_state.ts";
import { type FileStat, stat } from "../os/stat.ts";
import { waitAsync, waitSync } from "../os/waiting.ts";
import { lockSettings } from "../settings.ts";
import { acquire } from "./acquire.ts";
import type { Lock } from "./lock.ts";
import type { Ask } from "./refusal.ts";

/**
 * Takes a lock that every process on this machine respects, on a folder or a
 * file that need not be a database, nor exist. The lock is `<path>.lock`, and
 * `<path>.pid` says who has it. The kernel frees it when the process dies. The
 * thread sleeps while it waits, as it does not in {@linkcode acquireLockAsync}.
 *
 * @param path What to lock. Symbolic links are followed.
 * @param options How to lock it: exclusively and at once, by default.
 * @returns The lock. Locks of one thread count together.
 * @throws {LockedError} If others hold it, and still do after `wait`.
 * @throws {UnsupportedError} If the place cannot lock, or has several names.
 * @throws {LitelatchError} `LITELATCH_OPEN` if its folder cannot be written.
 * @throws {TypeError} If an option is misspelt or has a wrong value.
 */
export function acquireLock(path: string | URL, options?: LockOptions): Lock {
  return waitSync(acquire(lockAsk(path, options, true)));
}

/**
 * Locks as {@linkcode acquireLock} does; the event loop goes on meanwhile.
 *
 * @param path What to lock.
 * @param options The same, and a `signal` that ends the wait.
 * @returns The lock.
 * @throws What {@linkcode acquireLock} does, and the reason of `signal`.
 */
export async function acquireLockAsync(
  path: string | URL,
  options?: LockOptions & { signal?: AbortSignal },
): Promise<Lock> {
  const ask = lockAsk(path, options, false);
  return await waitAsync(acquire(ask), options?.signal);
}

function lockAsk(
  path: string | URL,
  options: LockOptions | undefined,
  blocking: boolean,
): Ask {
  const settings = lockSettings(options);
  requireSqlite();
  const target = locate(toPath(path));
  const found = stat(target.path);
  const what = found?.kind === "folder" ? "Folder" : "File";
  refuseManyNames(what, target, found);
  warnOfNetwork(target);
  return { ...settings, what, target, blocking };
}

/** By two names of a database, half of 12,585 commits were lost. */
export function refuseManyNames(
  what: string,
  { path }: Location,
  found: FileStat | null,
): void {
  if (found === null) return;
  const why = found.kind === "file" && found.links > 1
    ? `has ${found.links} hard links; remove the others`
    : mountOf(path)?.folder === path
    ? "is a mount of its own; mount its folder, or lock a file in it"
    : null;
  if (why === null) return;
  throw new UnsupportedError(
    `${what} "${path}" cannot be locked: it must have one name, as each would ` +
      `be a lock of its own, but it ${why}`,
  );
}

/** Warns about locks on network filesystems, once per folder. */
export function warnOfNetwork(
  { path, folder }: Location,
  listener: ((message: string) => void) | null = null,
): void {
  if (!isFirst(`network ${folder}`)) return;
  const type = filesystemOf(folder);
  if (type === null || !crossesHosts(type)) return;
  warn(
    `"${path}" is on a network filesystem (${type}), where other hosts may ` +
      "get the lock too, and damage a database. Use a local disk; for " +
      "several hosts see docs/many-hosts.md.",
    "LITELATCH_NETWORK",
    listener,
  );
}
