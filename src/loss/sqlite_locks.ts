/** Whose locks of SQLite the kernel lists on a database. @module */

import type { Connection } from "../driver/contract.ts";
import { UnsupportedError } from "../errors.ts";
import { allPidfiles } from "../lock/pidfiles.ts";
import { attempt } from "../os/builtin.ts";
import { SHARED, WAL_DMS } from "../os/lock_bytes.ts";
import {
  commandOf,
  descriptorsOf,
  locksAt,
  locksOn,
  locksOnEach,
  openPaths,
  pidsAt,
} from "../os/procfs.ts";
import { self } from "../os/process.ts";
import { identityOf, stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";

/**
 * A lock that SQLite keeps as long as this process has a file open. To ask the
 * descriptor at which it is listed is quicker than to read `/proc/locks`.
 */
export class OwnLock {
  readonly #path: string;
  readonly #byte: number;
  #descriptor = "";

  constructor(path: string, byte: number) {
    this.#path = path;
    this.#byte = byte;
  }

  /** Whether it is listed; `null` where the kernel does not tell. */
  isHeld(): boolean | null {
    if (this.#isListedAt(this.#descriptor)) return true;
    const file = identityOf(this.#path);
    const found = file === null ? null : descriptorsOf("self");
    if (found === null) return null;
    this.#descriptor =
      found.find((name) =>
        attempt(() => identityOf(`/proc/self/fd/${name}`), null) === file &&
        this.#isListedAt(name)
      ) ?? "";
    return this.#descriptor !== "";
  }

  #isListedAt(descriptor: string): boolean {
    const locks = descriptor === "" ? null : locksAt("self", descriptor);
    return locks !== null && pidsAt(locks, this.#byte).length > 0;
  }
}

/** On the database, and on the `-shm`. */
export function ownLocks(path: string): [OwnLock, OwnLock] {
  return [new OwnLock(path, SHARED), new OwnLock(`${path}-shm`, WAL_DMS)];
}

/**
 * Whether another process has a file open: while it has the database, no close
 * is the last one.
 */
export function isOpenElsewhere(path: string, byte = SHARED): boolean {
  return pidsAt(locksOn(stat(path)) ?? [], byte)
    .some((pid) => pid !== self().pid);
}

/**
 * Takes the lock on the database anew, and loses nothing that was set on the
 * connection. SQLite can leave WAL mode, and come back, only where no other
 * process is there; the kernel will tell what came of it.
 */
export function retakeDatabaseLock(connection: Connection): void {
  const steps = [
    "journal_mode=DELETE",
    "journal_mode=WAL",
    // The lock is taken at the first read.
    "user_version",
  ];
  for (const one of steps) {
    attempt(() => connection.value(`PRAGMA main.${one}`), null);
  }
}

// Who opens or closes has one of the two locks for a moment.
const LOOKS = 4;
const BETWEEN_LOOKS_MS = 3;

/**
 * Refuses a file that a living process has open by another name. It has another
 * `-wal` there: what one of them commits the other never sees.
 */
export function* refuseOtherNames(path: string): Waiting<void> {
  let found = pidsElsewhere(path);
  for (let looks = 1; looks < LOOKS && found.length > 0; looks++) {
    yield BETWEEN_LOOKS_MS;
    const again = pidsElsewhere(path);
    found = found.filter((pid) => again.includes(pid));
  }
  const pid = found.find((pid) => usesAnotherIndex(pid, path));
  if (pid === undefined) return;
  throw inTheWay(
    path,
    pid,
    "has the same file open by another name, because it was renamed, linked " +
      "or mounted elsewhere meanwhile, and each name has a WAL of its own",
  );
}

/**
 * Refuses a `-shm` or `-wal` in use that does not belong to the file at the
 * path: of another database, which was there before, or the one without the
 * other. SQLite would read the old pages by it, and write them over the file as
 * it closes.
 */
export function* refuseForeignIndex(path: string): Waiting<void> {
  if (foreignIndex(path) === null) return;
  // It may have closed them between two of our looks.
  yield BETWEEN_LOOKS_MS;
  const found = foreignIndex(path);
  if (found !== null) {
    throw inTheWay(path, found.pid, `works with the ${found.why}`);
  }
}

function foreignIndex(path: string): { pid: number; why: string } | null {
  const shm = stat(`${path}-shm`);
  const wal = stat(`${path}-wal`);
  if (shm === null && wal === null) return null;
  let pids = pidsAt(locksOn(shm) ?? [], WAL_DMS);
  // Without their -shm nobody can be asked who has the -wal open, but those
  // that left a record.
  if (pids.every((pid) => pid === self().pid) && wal !== null && wal.size > 0) {
    pids = allPidfiles(path)
      .flatMap(({ record }) => record?.pid ?? []);
  }
  for (const pid of pids) {
    if (pid === self().pid) continue;
    // SQLite opens the database, the -wal and the -shm in this order, and
    // closes them in the other.
    const names = openPaths(pid)?.map(([, name]) => name) ?? [];
    const has = (end: string) => names.includes(path + end);
    const why = (has("-shm") || has("-wal")) && !has("")
      ? "-wal beside it, but has another file open, which was at this path before"
      : has("-shm") && !has("-wal")
      ? "-shm beside it, but the -wal was deleted"
      : null;
    if (why !== null) return { pid, why };
  }
  return null;
}

function inTheWay(path: string, pid: number, why: string): UnsupportedError {
  const command = commandOf(pid);
  const who = `PID ${pid}${command === null ? "" : ` (${command})`}`;
  return new UnsupportedError(
    `Cannot open the database "${path}": ${who} ${why}. Stop that process ` +
      "first.",
  );
}

/** In WAL mode every connection keeps a lock on both; these have only one. */
function pidsElsewhere(path: string): number[] {
  const files = [stat(path), stat(`${path}-shm`)];
  const [database = [], shm = []] = locksOnEach(files) ?? [];
  const here = [self().pid, ...pidsAt(shm, WAL_DMS)];
  return pidsAt(database, SHARED).filter((pid) => !here.includes(pid));
}

/** A `-shm` that was deleted at this very name is another matter: a loss. */
function usesAnotherIndex(pid: number, path: string): boolean {
  const indexes = (openPaths(pid) ?? [])
    .map(([, open]) => open.replace(/ \(deleted\)$/, ""))
    .filter((open) => open.endsWith("-shm"));
  return indexes.length > 0 && !indexes.includes(`${path}-shm`);
}
