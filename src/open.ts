/**
 * The story of one open: the path, the lock, the connection, its settings.
 *
 * @module
 */

import type { Database } from "./database/database.ts";
import { connect, furnish, reconnecting } from "./database/furnish.ts";
import {
  explainOpening,
  locateDatabase,
  MEMORY,
  refuseLost,
} from "./database/place.ts";
import { tell } from "./database/telling.ts";
import type { Connection } from "./driver/contract.ts";
import {
  adoptConnection,
  openConnection,
  requireRuntime,
} from "./driver/runtime.ts";
import { LockedError } from "./errors.ts";
import { acquire } from "./lock/acquire.ts";
import { refuseHardLinks } from "./lock/acquire_lock.ts";
import type { Lock } from "./lock/handle.ts";
import { warnOfNetwork } from "./lock/network.ts";
import type { AdoptOptions, OpenOptions } from "./options.ts";
import { facts, identityOf } from "./os/look.ts";
import { locate, type Location, toPath } from "./os/paths.ts";
import { waitAsync, type Waiting, waitSync } from "./os/waiting.ts";
import { adoptSettings, openSettings, type Settings } from "./settings.ts";

/**
 * Opens a database that other processes may have open too.
 *
 * It takes the lock (shared by default), connects, and brings the connection
 * to its settings: WAL, a busy timeout, a bounded journal, foreign keys. Each
 * is read back. The thread sleeps while it waits for the lock; see
 * {@linkcode openAsync} for the other way.
 *
 * @param path A file, a `file:` URL, or `":memory:"`.
 * @param options See {@linkcode OpenOptions}.
 * @returns The open database; close it, or declare it with `using`.
 * @throws {LockedError} If others hold the lock, and still do after `wait`.
 * @throws {BusyError} If SQLite's own lock is taken for all of `busyTimeout`.
 * @throws {PragmaError} If SQLite does not take a setting, such as WAL.
 * @throws {UnsupportedError} If the runtime is too old, or the filesystem
 * cannot lock.
 * @throws {LitelatchError} If there is no such folder, or the file is no
 * database.
 * @throws {TypeError} If an option is misspelt or has a wrong value.
 *
 * @example A log that a dozen processes share
 * ```ts
 * import { open } from "@litelatch/litelatch";
 *
 * using db = open(new URL("./events.db", import.meta.url), { app: "hook" });
 * db.exec("CREATE TABLE IF NOT EXISTS event (at TEXT, text TEXT)");
 * db.write(() => {
 *   db.prepare("INSERT INTO event VALUES (datetime(), ?)").run("stopped");
 * });
 * ```
 */
export function open(path: string | URL, options?: OpenOptions): Database {
  return waitSync(opening(path, openSettings(options)));
}

/**
 * Opens a database as {@linkcode open} does; the event loop goes on while it
 * waits for the lock.
 *
 * @param path A file, a `file:` URL, or `":memory:"`.
 * @param options See {@linkcode OpenOptions}; `signal` ends the wait.
 * @returns The open database.
 * @throws {LockedError} If others hold the lock, and still do after `wait`.
 *
 * @example Wait for the one that migrates
 * ```ts
 * import { openAsync } from "@litelatch/litelatch";
 *
 * using db = await openAsync(":memory:", { wait: 10_000 });
 * console.log(db.path); // :memory:
 * ```
 */
export async function openAsync(
  path: string | URL,
  options?: OpenOptions & { signal?: AbortSignal },
): Promise<Database> {
  return await waitAsync(
    opening(path, openSettings(options)),
    options?.signal,
  );
}

/**
 * Brings a connection that is open already to the same settings, takes the
 * lock for its file, and gives the same handle. Closing the handle leaves the
 * connection to its owner.
 *
 * @param native An open Database of bun:sqlite or better-sqlite3, or a
 * DatabaseSync of node:sqlite.
 * @param options See {@linkcode AdoptOptions}.
 * @returns The handle.
 * @throws {LockedError} If others hold the lock, and still do after `wait`.
 * @throws {TypeError} If `native` is none of the three.
 *
 * @example Fair writes on a connection of node:sqlite
 * ```ts
 * import { adopt } from "@litelatch/litelatch";
 * import { DatabaseSync } from "node:sqlite";
 *
 * const native = new DatabaseSync(":memory:");
 * using db = adopt(native);
 * db.write(() => native.exec("CREATE TABLE note (text TEXT)"));
 * ```
 */
export function adopt(native: unknown, options?: AdoptOptions): Database {
  return waitSync(adopting(native, adoptSettings(options)));
}

function* opening(path: string | URL, settings: Settings): Waiting<Database> {
  requireRuntime();
  if (path === MEMORY) {
    const how = { readOnly: false, create: true };
    const connection = openConnection(MEMORY, how);
    return yield* furnish(connection, MEMORY, null, settings, null);
  }
  const target = locateDatabase(toPath(path), settings);
  const lock = yield* lockFor(target, settings);
  let connection: Connection | undefined;
  let database: Database | undefined;
  try {
    const connected = connect(target.path, settings);
    connection = connected.connection;
    database = yield* furnish(
      connection,
      target.path,
      lock,
      settings,
      connected.identity,
      reconnecting(target.path, settings),
    );
    return database;
  } catch (error) {
    throw explainOpening(target.path, error, settings.busyTimeout);
  } finally {
    // An aborted wait comes here without an error.
    if (database === undefined) {
      connection?.close();
      lock?.release();
    }
  }
}

function* adopting(native: unknown, settings: Settings): Waiting<Database> {
  const connection = adoptConnection(native);
  const statement = connection.prepare("PRAGMA database_list");
  const main = statement.all([]).find((row) => row["name"] === "main");
  statement.finalize();
  const file = main?.["file"];
  if (typeof file !== "string" || file === "") {
    return yield* furnish(connection, MEMORY, null, settings, null);
  }
  const target = locate(file);
  refuseLost(target.path);
  const lock = yield* lockFor(target, settings);
  try {
    const identity = identityOf(target.path);
    return yield* furnish(connection, target.path, lock, settings, identity);
  } catch (error) {
    lock?.release();
    throw explainOpening(target.path, error, settings.busyTimeout);
  }
}

function* lockFor(target: Location, settings: Settings): Waiting<Lock | null> {
  const { lock: mode, onLocked, app, purpose, wait, legacy } = settings;
  if (mode === "none") return null;
  if (mode === "exclusive") {
    refuseHardLinks(target.path, mode, facts(target.path));
  }
  let lock: Lock | null = null;
  try {
    const asked = { mode, app, purpose, wait, legacy };
    lock = yield* acquire("Database", target, asked);
    warnOfNetwork(target, (message, code) => tell(settings, message, code));
    return lock;
  } catch (error) {
    // A listener for warnings that throws must not leave it taken.
    lock?.release();
    if (!(error instanceof LockedError) || onLocked === "throw") throw error;
    if (onLocked === "warn") tell(settings, error.message, error.code);
    else onLocked(error.holders);
    return null;
  }
}
