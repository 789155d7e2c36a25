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

const BESIDE = ["-wal", "-shm"] as const;
type End = "" | (typeof BESIDE)[number];

/** The three files of one database, as they were when they were opened. */
export class WatchedFiles {
  readonly path: string;
  /** `dev:ino` of the open database. */
  identity: string | null = null;
  readonly #mayMake: boolean;
  /** The inodes of the open files. */
  readonly #open: Record<End, number | null> = {
    "": null,
    "-wal": null,
    "-shm": null,
  };
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
    for (const end of ["", ...BESIDE] as const) {
      this.#open[end] = this.#now(end);
    }
  }

  /** Compares all three with the paths; costs a few microseconds each. */
  look(): Loss | null {
    const open = this.#open;
    if (this.isAway()) return "database";
    const wal = quickStat(`${this.path}-wal`);
    this.walBytes = wal?.size ?? 0;
    // SQLite makes both when they are first needed.
    if (open["-wal"] === null && !this.#mayMake) return null;
    if (open["-wal"] === null && wal !== null) {
      open["-wal"] = wal.ino;
      open["-shm"] = null;
    }
    if (open["-wal"] !== (wal?.ino ?? null)) return "wal";
    const shm = this.#now("-shm");
    open["-shm"] ??= shm;
    return open["-shm"] === shm ? null : "shm";
  }

  /** Whether the path leads to another database than the open one. */
  isAway(): boolean {
    return this.#now("") !== this.#open[""];
  }

  /** Whether only the `-wal` was deleted, and nobody can have a new one. */
  isOnlyWalMissing(): boolean {
    return !this.isAway() && this.#open["-wal"] !== null &&
      this.#now("-wal") === null && this.ownBeside().length === 1;
  }

  /** Whether others have begun a `-wal` or `-shm` of their own at the path. */
  isTakenOver(): boolean {
    return BESIDE.some((end) => {
      const ino = this.#now(end);
      return ino !== null && ino !== this.#open[end];
    });
  }

  /** Those of `-wal` and `-shm` at the path that are the open ones. */
  ownBeside(): string[] {
    return BESIDE
      .filter((end) =>
        this.#open[end] !== null && this.#open[end] === this.#now(end)
      )
      .map((end) => this.path + end);
  }

  #now(end: End): number | null {
    return quickStat(this.path + end)?.ino ?? null;
  }
}
