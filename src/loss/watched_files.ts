/**
 * Whether the files behind a connection are still the ones at its path.
 *
 * Any open and close of the file in this process, such as `fs.readFile`, drops
 * the locks that the process has on it (https://sqlite.org/howtocorrupt.html,
 * section 2.2). The next one to close the database then deletes the WAL, and
 * what is committed into that is gone. People and tools delete files too: with
 * only the database gone 70 writes were acknowledged and lost, with only the
 * `-shm` gone 50 of another process.
 */

import { openPaths } from "../os/procfs.ts";
import { identityOf, quickStat } from "../os/stat.ts";

/** What was deleted, moved or replaced. */
export type Loss = "database" | "wal" | "shm" | "lock file" | "locks";

type End = "" | "-wal" | "-shm";

/** The three files of one database, as they were when they were opened. */
export class WatchedFiles {
  readonly path: string;
  /** `dev:ino` of the open database. */
  readonly identity: string | null;
  /** The size of the WAL at the last look, in bytes. */
  walBytes = 0;
  readonly mayMake: boolean;
  /** The inodes of what is open. */
  readonly #open: Record<End, bigint | null>;

  /**
   * @param mayMake Whether a WAL that appears is one that we write too. Not for
   * a reader of a database that was not in WAL mode: it took no part in the WAL
   * that another made, and may delete as the last one of its own.
   */
  constructor(path: string, mayMake: boolean) {
    this.path = path;
    this.mayMake = mayMake;
    this.#open = { "": this.#there(""), "-wal": null, "-shm": null };
    this.identity = identityOf(path);
    this.renew();
  }

  /** Takes the `-wal` and `-shm` that are there now for those that are open. */
  renew(): void {
    this.#open["-wal"] = this.#there("-wal");
    this.#open["-shm"] = this.#there("-shm");
  }

  /** Compares all three with the paths; costs a few microseconds each. */
  look(): Loss | null {
    const open = this.#open;
    if (this.isAway()) return "database";
    const found = quickStat(`${this.path}-wal`);
    this.walBytes = found?.size ?? 0;
    const wal = found?.ino ?? null;
    // SQLite makes both when they are first needed.
    if (open["-wal"] === null && !this.mayMake) return null;
    if (open["-wal"] === null && wal !== null) {
      open["-wal"] = wal;
      open["-shm"] = null;
    }
    if (open["-wal"] !== wal) return "wal";
    const shm = this.#there("-shm");
    open["-shm"] ??= shm;
    return open["-shm"] === shm ? null : "shm";
  }

  /** Whether the path leads to another database than the open one. */
  isAway(): boolean {
    return this.#there("") !== this.#open[""];
  }

  /** Whether the open database has no name any more. */
  isDeleted(): boolean {
    return this.opened("").some(([, name]) => name.endsWith(" (deleted)"));
  }

  /** The descriptors of an open file, each with the name that it has now. */
  opened(end: End): (readonly [at: string, name: string])[] {
    const identity = this.openIdentity(end);
    return (openPaths("self") ?? [])
      .map(([number, name]) => [`/proc/self/fd/${number}`, name] as const)
      .filter(([at]) => identityOf(at) === identity);
  }

  /** Whether only the `-wal` was deleted, and nobody can have a new one. */
  isOnlyWalMissing(): boolean {
    return !this.isAway() && this.#there("-wal") === null &&
      this.ownBeside().length === 1;
  }

  /** Whether others have begun a `-wal` or `-shm` of their own at the path. */
  isTakenOver(): boolean {
    return this.#beside(false).length > 0;
  }

  /** Those of `-wal` and `-shm` at the path that are the open ones. */
  ownBeside(): string[] {
    return this.#beside(true);
  }

  /** `dev:ino` of an open file; the three are always on one device. */
  openIdentity(end: End): string {
    return `${this.identity?.split(":")[0]}:${this.#open[end]}`;
  }

  #beside(isOwn: boolean): string[] {
    return (["-wal", "-shm"] as const).filter((end) => {
      const ino = this.#there(end);
      return ino !== null && (ino === this.#open[end]) === isOwn;
    }).map((end) => this.path + end);
  }

  #there(end: End): bigint | null {
    return quickStat(this.path + end)?.ino ?? null;
  }
}
