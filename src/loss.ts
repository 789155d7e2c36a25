/**
 * Notices when this process has lost SQLite's locks on a database.
 *
 * Any open and close of the file in this process, such as `fs.readFile`, drops
 * every POSIX lock that the process has on it
 * (https://sqlite.org/howtocorrupt.html, section 2.2). The next process to
 * close the database then takes itself for the last one and deletes the WAL;
 * what is committed into the deleted file is gone, and integrity_check says ok.
 *
 * @module
 */

import { facts, glance, identityOf } from "./os/look.ts";
import { hasOwnLock } from "./os/process_locks.ts";
import { now } from "./os/waiting.ts";

/** What was lost. */
export type Loss = "wal" | "sidecar";

// A look costs 2 to 4 µs, so that a tight loop of writes pays a few percent. A
// process needs longer than this to close a database and have anybody hear of
// it.
const FRESH_MS = 0.25;
// Nothing is lost with the sidecar but the right to be here.
const FRESH_SIDECAR_MS = 100;

// SHARED_FIRST, https://sqlite.org/lockingv3.html, and WAL_DMS_LOCK, wal.c.
const SHARED_BYTE = 0x40000002;
const DMS_BYTE = 128;

/** Watches over the files behind one connection. */
export class Canary {
  readonly #path: string;
  readonly #wal: string;
  readonly #sidecar: string | null;
  readonly #mayMake: boolean;
  #inode: number | null;
  #index: number | null;
  #lastLook = 0;
  #lastSidecar = 0;
  /** The size that the last look found, until somebody asks for it. */
  #bytes: number | null = null;
  /** Whether the kernel has listed our locks before. */
  #listed = false;

  /**
   * @param sidecar The identity of the sidecar whose lock we hold.
   * @param mayMake Whether a WAL that appears is one that we write too. Not
   * for a reader of a database that was not in WAL mode: it took no part in
   * the WAL that another made, and may delete as the last one of its own.
   */
  constructor(path: string, sidecar: string | null, mayMake: boolean) {
    this.#path = path;
    this.#wal = `${path}-wal`;
    this.#sidecar = sidecar;
    this.#mayMake = mayMake;
    this.#inode = inodeOf(this.#wal);
    this.#index = inodeOf(`${path}-shm`);
  }

  /** A look before a write, unless the last one is still fresh. */
  beforeWrite(): Loss | null {
    const time = now();
    if (time - this.#lastLook < FRESH_MS) return null;
    this.#lastLook = time;
    if (this.walLost()) return "wal";
    if (time - this.#lastSidecar >= FRESH_SIDECAR_MS) {
      this.#lastSidecar = time;
      if (this.sidecarLost()) return "sidecar";
    }
    return null;
  }

  /**
   * After a commit.
   *
   * @returns The size of the WAL, if there was a look since the last commit.
   */
  afterWrite(): number | null {
    // This commit has made the WAL: nobody can have exchanged it yet.
    if (this.#inode === null) this.walLost();
    const bytes = this.#bytes;
    this.#bytes = null;
    return bytes;
  }

  /** A look at everything. */
  look(): Loss | null {
    if (this.walLost()) return "wal";
    return this.sidecarLost() ? "sidecar" : null;
  }

  /** Whether the path leads to another WAL than ours, or to none. */
  walLost(): boolean {
    const found = glance(this.#wal);
    this.#bytes = found?.size ?? 0;
    return !this.#isInPlace(found?.ino ?? null);
  }

  /** Whether the file that carries our lock is not the one at its path. */
  sidecarLost(): boolean {
    return this.#sidecar !== null &&
      identityOf(`${this.#path}.lock`) !== this.#sidecar;
  }

  /**
   * Whether SQLite's locks are gone while nothing is lost yet. Only where the
   * kernel has listed them before: it does not show everybody's to everybody.
   */
  locksDropped(): boolean {
    const listed = this.#isListed();
    if (listed === true) this.#listed = true;
    return this.#listed && listed === false;
  }

  /** Begins anew on a new connection. */
  renew(): void {
    this.#inode = inodeOf(this.#wal);
    this.#index = inodeOf(`${this.#path}-shm`);
  }

  /** Whether the WAL that the path leads to is another one than ours. */
  isForeignWal(): boolean {
    // None was seen yet: then it is the one that all of us write.
    if (this.#inode === null) return false;
    const inode = inodeOf(this.#wal);
    return inode !== null && inode !== this.#inode;
  }

  /**
   * Whether a lost WAL was deleted alone, by hand: SQLite deletes its index,
   * the `-shm`, together with it. While ours is in place nobody can have begun
   * a new WAL.
   */
  hasIndex(): boolean {
    return this.#index !== null &&
      inodeOf(`${this.#path}-shm`) === this.#index;
  }

  #isInPlace(inode: number | null): boolean {
    // SQLite makes the file when it is first needed.
    if (this.#inode === null && !this.#mayMake) return true;
    if (this.#inode === null && inode !== null) {
      this.#inode = inode;
      this.#index = inodeOf(`${this.#path}-shm`);
    }
    return inode === this.#inode;
  }

  #isListed(): boolean | null {
    return both(
      hasLock(this.#path, SHARED_BYTE),
      hasLock(`${this.#path}-shm`, DMS_BYTE),
    );
  }
}

function inodeOf(path: string): number | null {
  return glance(path)?.ino ?? null;
}

function hasLock(path: string, byte: number): boolean | null {
  const file = facts(path);
  return file === null ? null : hasOwnLock(file, byte);
}

function both(one: boolean | null, other: boolean | null): boolean | null {
  return one === null || other === null ? null : one && other;
}
