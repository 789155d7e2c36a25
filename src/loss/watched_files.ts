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

import type { Connection } from "../driver/contract.ts";
import { descriptorsOn, readProcLink } from "../os/procfs.ts";
import { identityOf, quickStat } from "../os/stat.ts";

/** What was deleted, moved or replaced. */
export type Loss = "database" | "wal" | "shm" | "lock file" | "locks";

/** The files behind a connection, by SQLite's own list; the main one first. */
export function filesOf(
  connection: Connection,
): Pick<WatchedFiles, "path" | "schema">[] {
  return connection.rows("PRAGMA database_list")
    .filter(({ file }) => file)
    .map(({ file, name }) => ({
      path: String(file),
      schema: `"${String(name).replaceAll('"', '""')}".`,
    }));
}

type End = "" | "-wal" | "-shm";

/** The three files of one database, as they were when they were opened. */
export class WatchedFiles {
  readonly path: string;
  /** What a pragma about this one alone begins with. */
  readonly schema: string;
  /** The size of the WAL at the last look, in bytes. */
  walBytes = 0;
  readonly mayMake: boolean;
  /** What was lost, and may do harm at the end, or has to be told then. */
  lost: Loss | null = null;
  /** `dev:ino` of what is open; `null` if there was no such file. */
  readonly open: Record<End, string | null>;

  /**
   * @param mayMake Whether a WAL that appears is one that we write too. Not for
   * a reader of a database that was not in WAL mode: it took no part in the WAL
   * that another made, and may delete as the last one of its own.
   */
  constructor(path: string, mayMake: boolean, schema = "main.") {
    this.path = path;
    this.schema = schema;
    this.mayMake = mayMake;
    this.open = { "": identityOf(path), "-wal": null, "-shm": null };
    this.renew();
  }

  /** Takes the `-wal` and `-shm` that are there now for those that are open. */
  renew(): void {
    this.open["-wal"] = identityOf(`${this.path}-wal`);
    this.open["-shm"] = identityOf(`${this.path}-shm`);
  }

  /** Compares all three with the paths; costs a few microseconds each. */
  look(): Loss | null {
    const { open, path } = this;
    if (this.isAway()) return "database";
    const found = quickStat(`${path}-wal`);
    this.walBytes = found?.size ?? 0;
    const wal = found?.identity ?? null;
    // SQLite makes both when they are first needed.
    if (open["-wal"] === null && !this.mayMake) return null;
    if (open["-wal"] === null && wal !== null) {
      open["-wal"] = wal;
      open["-shm"] = null;
    }
    if (open["-wal"] !== wal) return "wal";
    const shm = identityOf(`${path}-shm`);
    open["-shm"] ??= shm;
    return open["-shm"] === shm ? null : "shm";
  }

  /** Whether the path leads to another database than the open one. */
  isAway(): boolean {
    return identityOf(this.path) !== this.open[""];
  }

  /** Whether the open database, or its WAL, has no name any more. */
  isDeleted(): boolean {
    return [this.open[""], this.open["-wal"]]
      .flatMap((one) => descriptorsOn(one) ?? [])
      .some((at) => readProcLink(`self/fd/${at}`)?.endsWith(" (deleted)"));
  }

  /** The `-wal` and `-shm` at the path that are the open ones, or used others. */
  beside(whose: "ours" | "others"): string[] {
    return (["-wal", "-shm"] as const).filter((end) => {
      const there = quickStat(this.path + end);
      if (there?.identity === this.open[end]) return whose === "ours";
      return there !== null && there.size > 0 && whose === "others";
    }).map((end) => this.path + end);
  }
}
