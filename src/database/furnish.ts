/**
 * Makes of a connection what a caller can use.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { openConnection } from "../driver/runtime.ts";
import type { Lock } from "../lock/handle.ts";
import { identityOf } from "../os/look.ts";
import { sharedState } from "../os/shared_state.ts";
import { type Waiting, waitSync } from "../os/waiting.ts";
import { configure } from "../pragmas.ts";
import type { Settings } from "../settings.ts";
import { hasWalResetBug } from "../sqlite_version.ts";
import { Database } from "./database.ts";
import { Guard } from "./guard.ts";
import { leasing, shut } from "./leasing.ts";
import { explainOpening, MEMORY, refuseMissing, refuseMoved } from "./place.ts";
import { Session } from "./session.ts";
import { tell } from "./telling.ts";

/**
 * From a connection to a handle.
 *
 * @param identity `dev:ino` of the file that it is connected to.
 * @param reconnect Opens the same file anew; `null` where it is not ours.
 */
export function* furnish(
  connection: Connection,
  path: string,
  lock: Lock | null,
  settings: Settings,
  identity: string | null,
  reconnect: (() => Connection) | null = null,
): Waiting<Database> {
  const file = path === MEMORY ? null : path;
  yield* configure(connection, settings, file);
  if (file !== null) refuseMoved(file, identity);
  // Not before the busy timeout is set: to prepare any statement SQLite reads
  // the schema, and 3 of 8 processes on a fresh file found it locked.
  const version = versionOf(connection);
  if (hasWalResetBug(version)) warnOfWalReset(version, settings);
  const session = new Session(connection, path, settings.busyTimeout);
  if (settings.lease !== null) {
    yield* leasing(session, settings.lease, settings);
  }
  const guard = file === null
    ? null
    : new Guard(session, settings, identity, sidecarOf(lock), version);
  session.guard = guard;
  const { exitWithParent } = settings;
  try {
    return new Database({ session, lock, guard, reconnect, exitWithParent });
  } catch (error) {
    guard?.stop();
    throw error;
  }
}

function sidecarOf(lock: Lock | null): string | null {
  if (lock === null) return null;
  return sharedState().locks.get(lock.path)?.sidecar ?? null;
}

/**
 * Connects to a file, and says to which: `dev:ino` of what was there before, or
 * of what was made.
 */
export function connect(
  path: string,
  settings: Settings,
): { connection: Connection; identity: string | null } {
  const before = identityOf(path);
  const connection = openConnection(path, settings);
  try {
    return { connection, identity: before ?? identityOf(path) };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The same file, opened anew in the same way. */
export function reconnecting(
  path: string,
  settings: Settings,
): () => Connection {
  return () => {
    if (identityOf(path) === null) refuseMissing(path, settings);
    const { connection, identity } = connect(path, settings);
    try {
      waitSync(configure(connection, settings, path));
      refuseMoved(path, identity);
      shut(connection, settings);
    } catch (error) {
      connection.close();
      throw explainOpening(path, error, settings.busyTimeout);
    }
    return connection;
  };
}

// Asked of the library itself: process.versions names another one on some
// builds.
function versionOf(connection: Connection): string {
  return String(connection.value("SELECT sqlite_version()"));
}

function warnOfWalReset(version: string, settings: Settings): void {
  const { warned } = sharedState();
  if (warned.has("wal-reset")) return;
  warned.add("wal-reset");
  tell(
    settings,
    `SQLite ${version} of this runtime has the WAL-reset bug, which can ` +
      "corrupt a database that several processes write (sqlite.org/wal.html); " +
      "update the runtime to one with SQLite 3.51.3 or newer",
    "LITELATCH_WAL_RESET",
  );
}
