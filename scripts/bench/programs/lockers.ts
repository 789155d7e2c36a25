/**
 * Locks of npm and ours behind one contract: try once, or wait.
 *
 * @module
 */

import * as fs from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { acquireLock, acquireLockAsync, LockedError } from "../../../mod.ts";

/** The names of what can be compared. */
export type LockerName =
  | "litelatch"
  | "litelatch async"
  | "proper-lockfile"
  | "lockfile"
  | "cross-process-lock"
  | "fs-ext"
  | "os-lock"
  | "kernel"
  | "BEGIN EXCLUSIVE";

// SHARED_FIRST and SHARED_SIZE, https://sqlite.org/lockingv3.html.
const SHARED = { start: 0x40000002, length: 510 };

/** Lets a lock go. */
export type Release = () => void | Promise<void>;

/** One way to lock a file that exists. */
export interface Locker {
  /** `null` where somebody else has it. */
  attempt(path: string): Release | null | Promise<Release | null>;
  /** The same where there is a quicker way that is less safe. */
  quickly?(path: string): Release | null;
  /** As long as it takes. */
  wait(path: string): Release | Promise<Release>;
}

/**
 * After this time without a sign of life a lock counts as left behind, where
 * a package knows no better: the least that proper-lockfile allows.
 */
export const STALE_MS = 2000;

/** As seldom as a timer may ask that has the lock 100 ms after its holder. */
export const TIMER_MS = 88;

/** Loads one; throws where it cannot be loaded. */
export function lockerOf(name: LockerName, peers: string): Locker {
  const load = createRequire(join(peers, "load.cjs"));
  return MAKERS[name](load);
}

const MAKERS: Record<LockerName, (load: (name: string) => unknown) => Locker> =
  {
    litelatch: () => ({
      attempt: (path) => orNull(LockedError, () => take(path, 0)),
      wait: (path) => take(path, 60_000),
    }),

    "litelatch async": () => ({
      attempt: (path) => orNull(LockedError, () => take(path, 0)),
      async wait(path) {
        const lock = await acquireLockAsync(path, { wait: 60_000 });
        return () => lock.release();
      },
    }),

    "proper-lockfile"(load) {
      interface Options {
        stale: number;
        onCompromised: () => void;
        retries?: { forever: true; minTimeout: number; maxTimeout: number };
      }
      const own = load("proper-lockfile") as {
        lock(path: string, options: Options): Promise<Release>;
        lockSync(path: string, options: Options): Release;
      };
      const options = { stale: STALE_MS, onCompromised: () => {} };
      const retries = { forever: true, minTimeout: 1, maxTimeout: 1 } as const;
      return {
        attempt: (path) => orNull(Error, () => own.lockSync(path, options)),
        wait: (path) => own.lock(path, { ...options, retries }),
      };
    },

    lockfile(load) {
      const own = load("lockfile") as {
        lock(path: string, options: object, done: (e?: Error) => void): void;
        lockSync(path: string, options: object): void;
        unlockSync(path: string): void;
      };
      const lockPath = (path: string) => `${path}.lock`;
      const release = (path: string) => () => own.unlockSync(lockPath(path));
      const wait = (path: string, milliseconds: number) =>
        new Promise<Release>((resolve, reject) => {
          const how = { stale: STALE_MS, wait: milliseconds, pollPeriod: 1 };
          own.lock(lockPath(path), how, (error) => {
            if (error) reject(error);
            else resolve(release(path));
          });
        });
      return {
        // lockSync() leaves out what lock() does against two that both find
        // a lock stale.
        attempt: (path) => wait(path, 0).catch(() => null),
        wait: (path) => wait(path, 60_000),
        quickly: (path) =>
          orNull(Error, () => {
            own.lockSync(lockPath(path), { stale: STALE_MS });
            return release(path);
          }),
      };
    },

    "cross-process-lock"(load) {
      const own = load("cross-process-lock") as {
        lock(path: string, options: object): Promise<Release>;
      };
      const lockTimeout = STALE_MS;
      return {
        // It looks once, and again only after half a second: too late then.
        attempt: (path) =>
          own.lock(path, { lockTimeout, waitTimeout: 400 }).catch(() => null),
        wait: (path) => own.lock(path, { lockTimeout, waitTimeout: 60_000 }),
      };
    },

    "fs-ext"(load) {
      const { flockSync } = load("fs-ext") as {
        flockSync(file: number, how: "ex" | "exnb"): void;
      };
      const with_ = (how: "ex" | "exnb") => (path: string) => {
        const file = fs.openSync(`${path}.flock`, "a+");
        try {
          flockSync(file, how);
        } catch (error) {
          fs.closeSync(file);
          throw error;
        }
        return () => fs.closeSync(file);
      };
      return {
        attempt: (path) => orNull(Error, () => with_("exnb")(path)),
        wait: with_("ex"),
      };
    },

    "os-lock"(load) {
      const { lock } = load("os-lock") as {
        lock(file: number, options: object): Promise<void>;
      };
      const with_ = async (path: string, immediate: boolean) => {
        const file = fs.openSync(`${path}.oslock`, "a+");
        try {
          await lock(file, { exclusive: true, immediate });
        } catch (error) {
          fs.closeSync(file);
          throw error;
        }
        return () => fs.closeSync(file);
      };
      return {
        attempt: (path) => with_(path, true).catch(() => null),
        wait: (path) => with_(path, false),
      };
    },

    "BEGIN EXCLUSIVE": () => {
      const attempt = (path: string) =>
        orNull(Error, () => {
          bare(path).exec("BEGIN EXCLUSIVE");
          return () => bare(path).exec("ROLLBACK");
        });
      return {
        attempt,
        async wait(path) {
          for (;;) {
            const release = attempt(path);
            if (release !== null) return release;
            await new Promise((resolve) => setTimeout(resolve, TIMER_MS));
          }
        },
      };
    },

    // Waits inside the kernel for the bytes that litelatch's holder has locked.
    kernel(load) {
      const { lock } = load("os-lock") as {
        lock(f: number, at: number, length: number, how: object): Promise<void>;
      };
      const { start, length } = SHARED;
      return {
        attempt: () => null,
        async wait(path) {
          const file = fs.openSync(`${path}.lock`, "a+");
          await lock(file, start, length, { exclusive: true });
          return () => fs.closeSync(file);
        },
      };
    },
  };

/** SQLite's lock alone, on a connection that stays open from lock to lock. */
function bare(path: string): DatabaseSync {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  return connection ??= new DatabaseSync(`${path}.bare`, { timeout: 0 });
}

let connection: DatabaseSync | undefined;

function take(path: string, wait: number): Release {
  const lock = acquireLock(path, { app: "bench", wait });
  return () => lock.release();
}

function orNull(
  // deno-lint-ignore ban-types -- what follows instanceof
  refusal: Function,
  attempt: () => Release,
): Release | null {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof (refusal as ErrorConstructor)) return null;
    throw error;
  }
}
