/**
 * Whether the files behind a connection are still the ones at its path.
 *
 * Any open and close of the file in this process, such as `fs.readFile`, drops
 * every POSIX lock that the process has on it
 * (https://sqlite.org/howtocorrupt.html, section 2.2). The next process to
 * close the database then takes itself for the last one and deletes the WAL;
 * what is committed into the deleted file is gone, and integrity_check says ok.
 * People and tools delete and replace files too: with only the database gone
 * 70 writes were acknowledged and lost, with only the `-shm` gone 50 of another
 * process.
 *
 * @module
 */

import { identityOf, quickStat } from "../os/stat.ts";

/** What was deleted, moved or replaced. */
export type Loss = "database" | "wal" | "shm" | "lock file" | "locks";

/** The three files of one database, as they were when they were opened. */
export class WatchedFiles {
  readonly path: string;
  /** `dev:ino` of the open database. */
  identity: string | null = null;
  readonly #mayMake: boolean;
  #database: number | null = null;
  #wal: number | null = null;
  #shm: number | null = null;
  /** The size of the WAL at the last look, in bytes. */
  walBytes = 0;

  /**
   * @param mayMake Whether a WAL that appears is one that we write too. Not for
   * a reader of a database that was not in WAL mode: it took no part in the WAL
   * that another made, and may delete as the last one of its own.
   */
  constructor(path: string, mayMake: boolean) {
    this.path = path;
    this.#mayMake = mayMake;
    this.renew();
  }

  /** Takes what is there now for what is open. */
  renew(): void {
    this.identity = identityOf(this.path);
    this.#database = inodeOf(this.path);
    this.#wal = inodeOf(`${this.path}-wal`);
    this.#shm = inodeOf(`${this.path}-shm`);
  }

  /** Compares all three with the paths; costs a few microseconds each. */
  look(): Loss | null {
    if (this.isAway()) return "database";
    const wal = quickStat(`${this.path}-wal`);
    this.walBytes = wal?.size ?? 0;
    // SQLite makes both when they are first needed.
    if (this.#wal === null && !this.#mayMake) return null;
    if (this.#wal === null && wal !== null) {
      this.#wal = wal.ino;
      this.#shm = null;
    }
    if (this.#wal !== (wal?.ino ?? null)) return "wal";
    const shm = inodeOf(`${this.path}-shm`);
    this.#shm ??= shm;
    return this.#shm === shm ? null : "shm";
  }

  /** The quickest look: at the file that is lost most often. */
  isWalInPlace(): boolean {
    const wal = quickStat(`${this.path}-wal`);
    this.walBytes = wal?.size ?? 0;
    return wal !== null && wal.ino === this.#wal;
  }

  /** Whether the path leads to another database than the open one. */
  isAway(): boolean {
    return inodeOf(this.path) !== this.#database;
  }

  /** Whether only the `-wal` was deleted, and nobody can have a new one. */
  isOnlyWalMissing(): boolean {
    return !this.isAway() && this.#shm !== null && this.#wal !== null &&
      inodeOf(`${this.path}-wal`) === null &&
      inodeOf(`${this.path}-shm`) === this.#shm;
  }

  /** Whether others have begun a `-wal` or `-shm` of their own at the path. */
  isTakenOver(): boolean {
    const [wal, shm] = [
      inodeOf(`${this.path}-wal`),
      inodeOf(`${this.path}-shm`),
    ];
    return (wal !== null && wal !== this.#wal) ||
      (shm !== null && shm !== this.#shm);
  }

  /** Those of `-wal` and `-shm` at the path that are the open ones. */
  ownBeside(): { path: string; ino: number }[] {
    const found: { path: string; ino: number }[] = [];
    const known = [["-wal", this.#wal], ["-shm", this.#shm]] as const;
    for (const [suffix, ino] of known) {
      const path = this.path + suffix;
      if (ino !== null && inodeOf(path) === ino) found.push({ path, ino });
    }
    return found;
  }
}

function inodeOf(path: string): number | null {
  return quickStat(path)?.ino ?? null;
}
