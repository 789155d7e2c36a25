/** One open: the path, the lock, the connection, its settings, the handle. */

import { busyError } from "./database/busy_error.ts";
import { Database } from "./database/database.ts";
import { type Apart, AsyncWrites } from "./database/async_writes.ts";
import { Lifetime, type Parts } from "./database/lifetime.ts";
import { LossWatch } from "./database/loss_watch.ts";
import { configure } from "./database/pragmas.ts";
import { type Connected, type Opened, Session } from "./database/session.ts";
import { writing } from "./database/transactions.ts";
import { walUpkeep } from "./database/wal_upkeep.ts";
import type { Connection } from "./driver/contract.ts";
import {
  isBusy,
  messageOf,
  primaryCode,
  SQLITE,
} from "./driver/result_codes.ts";
import {
  adoptConnection,
  isOfRuntime,
  openConnection,
  requireSqlite,
} from "./driver/runtime.ts";
import {
  LitelatchError,
  LockedError,
  LockLostError,
  UnsupportedError,
} from "./errors.ts";
import { acquire } from "./lock/acquire.ts";
import { refuseManyNames, warnOfNetwork } from "./lock/acquire_lock.ts";
import type { Lock } from "./lock/lock.ts";
import { closeBefore } from "./loss/harmless_end.ts";
import { isAlone, refuseForeign } from "./loss/sqlite_locks.ts";
import { filesOf, WatchedFiles } from "./loss/watched_files.ts";
import type { AdoptOptions, OpenOptions } from "./options.ts";
import { attempt } from "./os/builtin.ts";
import { canWrite, createForOwner, whyNoDescriptor } from "./os/files.ts";
import { onFilesystem } from "./os/filesystem.ts";
import { randomId } from "./os/ids.ts";
import { locate, type Location, partsOf, toPath } from "./os/paths.ts";
import { warn } from "./os/process.ts";
import { mountOf, openPaths } from "./os/procfs.ts";
import { handlesOn, isFirst } from "./os/shared_state.ts";
import { identityOf, isPosix, lstat, stat } from "./os/stat.ts";
import { waitAsync, type Waiting, waitSync } from "./os/waiting.ts";
import { adoptSettings, openSettings, type Settings } from "./settings.ts";
import { versionOf, whyNoCheckpoints } from "./wal/checkpoint.ts";

const MEMORY = ":memory:";
const MAIN = '"main".';

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
 * @throws {UnsupportedError} If the runtime is too old, the filesystem cannot
 * lock, or the file has several names.
 * @throws {LitelatchError} If there is no such folder, or the file is no
 * database.
 * @throws {TypeError} If an option is misspelt or has a wrong value.
 */
export function open(path: string | URL, options?: OpenOptions): Database {
  return waitSync(opening(path, openSettings(options), true));
}

/**
 * Opens a database as {@linkcode open} does; the event loop goes on meanwhile.
 *
 * @param path A file, a `file:` URL, or `":memory:"`.
 * @param options See {@linkcode OpenOptions}; `signal` ends the wait.
 * @returns The open database.
 * @throws What {@linkcode open} does, and the reason of `signal`.
 */
export async function openAsync(
  path: string | URL,
  options?: OpenOptions & { signal?: AbortSignal },
): Promise<Database> {
  return await waitAsync(
    opening(path, openSettings(options), false),
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
 * @throws What {@linkcode open} does for a path and its options.
 * @throws {TypeError} If `native` is none of the three, or not open.
 * @throws {LitelatchError} `LITELATCH_OPEN` if it is in a transaction.
 */
export function adopt(native: unknown, options?: AdoptOptions): Database {
  return waitSync(adopting(native, adoptSettings(options)));
}

function* opening(
  path: string | URL,
  settings: Settings,
  blocking: boolean,
): Waiting<Database> {
  requireSqlite();
  if (!/^(file:)?:memory:$/.test(attempt(() => String(path), ""))) {
    const opened = openAt(toPath(path), settings, blocking, connect);
    return yield* furnish(yield* opened, handleOf);
  }
  const connection = openConnection(MEMORY);
  return yield* inMemory(connection, settings);
}

function* adopting(native: unknown, settings: Settings): Waiting<Database> {
  const connection = adoptConnection(native);
  const file = filesOf(connection).find((one) => one.schema === MAIN)?.path;
  if (connection.inTransaction()) {
    throw cannotOpen(file ?? MEMORY, "it is in a transaction; end it first");
  }
  if (file === undefined) return yield* inMemory(connection, settings);
  const timeout = connection.value("PRAGMA busy_timeout");
  const opened = openAt(toPath(file), settings, true, function* (path) {
    refuseGone(path, [""]);
    yield* refuseForeign(path, false);
    const files = yield* configure(connection, settings, path);
    proveWrite(connection);
    const hasShm = connection.value("PRAGMA locking_mode") === "normal";
    refuseGone(path, hasShm ? ["-wal", "-shm"] : ["-wal"]);
    yield* refuseForeign(path, true);
    return { connection, files };
  });
  try {
    return yield* furnish(yield* opened, handleOf);
  } catch (error) {
    // It stays its owner's.
    connection.exec(`PRAGMA busy_timeout=${timeout}`);
    throw explain(file, error, settings);
  }
}

function* inMemory(
  connection: Connection,
  settings: Settings,
): Waiting<Database> {
  const files = yield* configure(connection, settings, null);
  const place = { asked: MEMORY, path: MEMORY, lock: null, settings };
  return yield* furnish({ ...place, connection, files }, handleOf);
}

/** From a path to a connection: the place, the lock, the settings. */
function* openAt(
  asked: string,
  settings: Settings,
  blocking: boolean,
  open: (path: string, settings: Settings) => Waiting<Connected>,
): Waiting<Opened> {
  const target = locateDatabase(asked, settings);
  const { path } = target;
  // SQLite would give a further connection the state of a lost one.
  for (const handle of handlesOn(path)) {
    const reason = handle.loss();
    if (reason !== null) throw new LockLostError(reason);
  }
  const lock = yield* lockFor(target, settings, blocking);
  let opened: Connected | undefined;
  try {
    opened = yield* open(path, settings);
    return { asked, path, lock, settings, ...opened };
  } finally {
    // An aborted wait comes here without an error.
    if (opened === undefined) lock?.release();
  }
}

/** A read-only connection begins an immediate transaction without an error. */
function proveWrite(connection: Connection): void {
  const version = connection.value("PRAGMA user_version");
  try {
    connection.exec(`BEGIN IMMEDIATE;PRAGMA user_version=${version}`);
  } catch (error) {
    // Whoever writes now is no reason to wait.
    if (!isBusy(error)) throw error;
  } finally {
    if (connection.inTransaction()) connection.exec("ROLLBACK");
  }
}

/** Finds the file that a path leads to, or the place where it will be. */
function locateDatabase(path: string, settings: Settings): Location {
  const target = locate(path);
  const found = stat(target.path);
  if (found === null && (settings.readOnly || !settings.create)) {
    const because = settings.readOnly ? "readOnly is true" : "create is false";
    throw cannotOpen(target.path, `it must exist, because ${because}`);
  }
  if (found !== null && found.kind !== "file") {
    throw cannotOpen(target.path, `it must be a file, but is a ${found.kind}`);
  }
  // SQLite would wait for ever at a FIFO, or delete it. On Windows to look keeps
  // what others delete there for a moment, and they fail.
  for (const end of isPosix() ? ["-journal", "-wal", "-shm"] : []) {
    const kind = lstat(target.path + end)?.kind ?? "file";
    if (kind === "file") continue;
    const why = `its ${end} must be a file, but is a ${kind}; move it away`;
    throw cannotOpen(target.path, why);
  }
  refuseManyNames("Database", target, found);
  return target;
}

function* lockFor(
  target: Location,
  settings: Settings,
  blocking: boolean,
): Waiting<Lock | null> {
  const { lock: mode, onLocked, onWarning } = settings;
  if (mode === "none") return null;
  // Before: a listener that throws must not leave it taken.
  warnOfNetwork(target, onWarning);
  try {
    const ask = { what: "Database", target, mode, blocking };
    return yield* acquire({ ...settings, ...ask });
  } catch (error) {
    if (!(error instanceof LockedError) || onLocked === "throw") throw error;
    if (onLocked === "warn") warn(error.message, error.code, onWarning);
    else onLocked(error.holders);
    return null;
  }
}

/** Connects to a file, with every setting in force. */
function* connect(path: string, settings: Settings): Waiting<Connected> {
  const { readOnly } = settings;
  const before = new WatchedFiles(path, true);
  if (before.open[""] === null) {
    // It may have gone while the lock was waited for, and Node and Deno make it.
    locateDatabase(path, settings);
    createForOwner(path, `${path}.pid-${randomId()}.tmp`);
  }
  const begun = Date.now();
  // Then SQLite cannot make the `-shm` that it reads a WAL database by. On a
  // read-only mount Deno takes every file for one that can be written.
  const immutable = readOnly && stat(`${path}-wal`) === null &&
    (mountOf(path)?.readOnly ||
      [path, partsOf(path).folder].every((one) => canWrite(one) === false));
  let connection: Connection | undefined;
  let opened: Connected | undefined;
  // What lies here and is not ours, so that to close as the last one may harm it.
  let foreign: string[] = [];
  try {
    const alone = !readOnly && isAlone(before);
    // Closed again it would have done the harm already.
    if (!alone) yield* refuseForeign(path, false);
    connection = openConnection(path, { ...settings, immutable });
    const identity = before.open[""] ?? identityOf(path);
    // A reader of another user may have left the two of its own.
    const ends = readOnly ? [] : ["", "-wal", "-shm"];
    const sealed = ends.find((end) => canWrite(path + end) === false);
    if (sealed !== undefined) {
      throw cannotOpen(path, sealed ? `its ${sealed} is ${SEALED}` : READ_ONLY);
    }
    const files = yield* configure(connection, settings, path);
    // From here on that is what a refusal is for.
    foreign = [path];
    if (!readOnly && !alone) yield* refuseForeign(path, true);
    // No runtime tells what its SQLite has open, and to open may take a while:
    // a file that was put in its place would be taken for the open one.
    if (files?.open[""] !== identity || files?.look() !== null) {
      throw cannotOpen(path, REPLACED);
    }
    // Whoever closes as the last one deletes both, and inodes come back.
    const isNew = (end: "-wal" | "-shm") =>
      files.open[end] !== before.open[end];
    // Those of another database may have come back meanwhile. By the clock of a
    // filesystem a file may be 4 ms old when it is made.
    const wal = lstat(`${path}-wal`);
    const isBack = wal && (wal.size > 0 || wal.modifiedMs < begun - 10);
    if (isNew("-wal") && (!isNew("-shm") || isBack)) {
      yield* refuseForeign(path, false);
    }
    // What SQLite shares in a process another thread or library may have lost.
    const used = (["-wal", "-shm"] as const)
      .filter((end) => !readOnly || isNew(end));
    refuseGone(path, used);
    return opened = { connection, files };
  } catch (error) {
    // Before anything is closed: it may be for want of descriptors.
    throw explain(path, error, settings);
  } finally {
    if (!opened && connection) closeBefore(connection, foreign, true);
  }
}

/** From a connection to a handle, with what takes part in its writes. */
function* furnish<T>(
  opened: Opened,
  make: (parts: Parts) => T,
): Waiting<T> {
  const { asked, path, lock, settings, connection, files } = opened;
  let made: T | undefined;
  try {
    const bug = whyNoCheckpoints(versionOf(connection));
    if (bug && files && isFirst("wal-reset")) {
      const text = `${bug} to one with SQLite 3.51.3 or newer (Bun on macOS: ` +
        "Database.setCustomSQLite): it can corrupt the database";
      warn(text, "LITELATCH_WAL_RESET", settings.onWarning);
    }
    const session = new Session(opened);
    const { attachments } = session;
    const lease = settings.readOnly ? null : settings.lease;
    if (lease) {
      const exec = (sql: string) => session.connection.exec(sql);
      const value = (sql: string) => session.connection.value(sql);
      const attachment = lease.attach({ path, exec, value });
      attachments.push(attachment);
      // A new holder is known to the database before it reads anything.
      if (attachment.begun) yield* writing(session, null, () => {});
    }
    const watch = files && new LossWatch(session, files);
    if (watch) attachments.push(watch);
    if (watch && !bug && !settings.readOnly) {
      attachments.push(walUpkeep(session, watch));
    }
    const reconnect = () => {
      locateDatabase(session.path, settings);
      return waitSync(connect(session.path, settings));
    };
    const parts: Parts = {
      session,
      watch,
      reconnect: files && connection.owned ? reconnect : null,
      relocate: () =>
        locate(asked).path === session.path
          ? null
          : waitSync(openAt(asked, settings, true, connect)),
      asyncWrites: new AsyncWrites(session, () => openApart(parts)),
    };
    return made = make(parts);
  } catch (error) {
    throw explain(path, error, settings);
  } finally {
    if (made === undefined) {
      connection.close();
      lock?.release();
    }
  }
}

const handleOf = (parts: Parts): Database => new Database(parts);

/** The connection for bodies that await; in memory there is but one. */
function* openApart({ session, watch }: Parts): Waiting<Apart> {
  const { path, asked, settings, lock, told, connection } = session;
  if (path === MEMORY) return { session, close: () => {} };
  if (!isOfRuntime(connection)) {
    throw new UnsupportedError(
      `Cannot run an async body on "${path}": a second connection would not see ` +
        "better-sqlite3's locks; use a sync body, or open() it",
    );
  }
  // A new one would read another database by the files of the lost one.
  watch?.look();
  const connected = yield* connect(path, settings);
  const opened = { asked, path, lock: null, settings, ...connected };
  return yield* furnish(opened, (parts) => {
    Object.assign(parts.session, { lock, told });
    return new Lifetime(parts);
  });
}

/** Says what an error of SQLite means for whoever opened `path`. */
function explain(
  path: string,
  error: unknown,
  { busyTimeout, readOnly }: Settings,
): unknown {
  const isDenied = (error as Error | null)?.name === "NotCapable"; // Deno's
  const code = primaryCode(error) ?? (isDenied ? SQLITE.CANTOPEN : null);
  if (code === null) return error;
  if (isBusy(error)) {
    const what = "open in WAL mode";
    return busyError(what, path, busyTimeout, error, [path], false);
  }
  const said = messageOf(error);
  const reasons: Record<number, string> = {
    [SQLITE.NOTADB]: "the file must be an SQLite database",
    [SQLITE.READONLY]: readOnly
      ? "for its -wal and -shm this user must be able to write to its folder"
      : READ_ONLY,
    [SQLITE.CANTOPEN]:
      "this user must be able to read and write it, and to create -wal and " +
      "-shm files beside it; check the rights, and the length of the path " +
      `(${path.length} characters)`,
    [SQLITE.FULL]: "the disk is full; make room first",
    [SQLITE.IOERR]: `the filesystem${onFilesystem(path)} failed (${said}); ` +
      "make room if it is full; WAL needs a local disk",
  };
  const why = isDenied ? said : whyNoDescriptor() ?? reasons[code] ?? said;
  return cannotOpen(path, why, error);
}

/** What this process has open by another name, or without one. */
function refuseGone(path: string, ends: string[]): void {
  const open = ends.length && openPaths("self");
  if (open && !ends.every((end) => open.includes(path + end))) {
    throw cannotOpen(path, REPLACED);
  }
}

const REPLACED =
  "it was deleted or replaced since it was opened; open it again";

const SEALED =
  "read-only for this user, as another user's reader made it; give the rights, " +
  "or remove both -wal and -shm while nobody has it open and the -wal is empty";

const READ_ONLY =
  "it is read-only for this user or this connection; give the rights, or " +
  "open() it with { readOnly: true }";

function cannotOpen(
  path: string,
  why: string,
  cause?: unknown,
): LitelatchError {
  return new LitelatchError(
    "LITELATCH_OPEN",
    `Cannot open the database "${path}": ${why}`,
    { cause },
  );
}
