/**
 * Whether the files behind a connection are still the ones at its path.
 *
 * Any open and close of the file in this process, such as `fs.readFile`, drops
 * every POSIX lock that the process has on it
 * (https://sqlite.org/howtocorrupt.html, section 2.2). The next one to close
 * the database then takes itself for the last and deletes the WAL; what is
 * committed into that is gone, and integrity_check says ok. People and tools
 * delete files too: with only the database gone 70 writes were acknowledged and
 * lost, with only the `-shm` gone 50 of another process.
 *
 * @module
 */

import { identityOf, quickStat } from "../os/stat.ts";

/** What was deleted, moved or replaced. */
export type Loss = "database" | "wal" | "shm" | "lock file" | "locks";

interface Inodes {
  database: number | null;
  wal: number | null;
  shm: number | null;
}

const BESIDE = ["wal", "shm"] as const;

/** The three files of one database, as they were when they were opened. */
export class WatchedFiles {
  readonly path: string;
  /** `dev:ino` of the open database. */
  identity: string | null;
  /** The size of the WAL at the last look, in bytes. */
  walBytes = 0;
  readonly #mayMake: boolean;
  #open: Inodes;

  /**
   * @param mayMake Whether a WAL that appears is one that we write too. Not for
   * a reader of a database that was not in WAL mode: it took no part in the WAL
   * that another made, and may delete as the last one of its own.
   */
  constructor(path: string, mayMake: boolean) {
    this.path = path;
    this.#mayMake = mayMake;
    this.#open = inodesAt(path);
    this.identity = identityOf(path);
  }

  /** Takes what is there now for what is open. */
  renew(): void {
    this.#open = inodesAt(this.path);
    this.identity = identityOf(this.path);
  }

  /** Compares all three with the paths; costs a few microseconds each. */
  look(): Loss | null {
    const open = this.#open;
    if (this.isAway()) return "database";
    const wal = quickStat(`${this.path}-wal`);
    this.walBytes = wal?.size ?? 0;
    if (open.wal === null) {
      // SQLite makes both when they are first needed.
      if (!this.#mayMake) return null;
      if (wal !== null) open.shm = null;
      open.wal = wal?.ino ?? null;
    }
    if (open.wal !== (wal?.ino ?? null)) return "wal";
    const shm = inodeOf(`${this.path}-shm`);
    open.shm ??= shm;
    return open.shm === shm ? null : "shm";
  }

  /** The quickest look: at the file that is lost most often. */
  isWalInPlace(): boolean {
    const wal = quickStat(`${this.path}-wal`);
    this.walBytes = wal?.size ?? 0;
    return wal !== null && wal.ino === this.#wal;
  }

  /** Whether the path leads to another database than the open one. */
  isAway(): boolean {
    return inodeOf(this.path) !== this.#open.database;
  }

  /** Whether only the `-wal` was deleted, and nobody can have a new one. */
  isOnlyWalMissing(): boolean {
    const there = inodesAt(this.path);
    const { database, wal, shm } = this.#open;
    return there.database === database && shm !== null && there.shm === shm &&
      wal !== null && there.wal === null;
  }

  /** Whether others have begun a `-wal` or `-shm` of their own at the path. */
  isTakenOver(): boolean {
    const there = inodesAt(this.path);
    return BESIDE.some((name) =>
      there[name] !== null && there[name] !== this.#open[name]
    );
  }

  /** Those of `-wal` and `-shm` at the path that are the open ones. */
  ownBeside(): string[] {
    const there = inodesAt(this.path);
    return BESIDE
      .filter((name) => there[name] && there[name] === this.#open[name])
      .map((name) => `${this.path}-${name}`);
  }
}

function inodesAt(path: string): Inodes {
  return {
    database: inodeOf(path),
    wal: inodeOf(`${path}-wal`),
    shm: inodeOf(`${path}-shm`),
  };
}

function inodeOf(path: string): number | null {
  return quickStat(path)?.ino ?? null;
}
