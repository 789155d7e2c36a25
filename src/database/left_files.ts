/**
 * The `-wal` and `-shm` that a connection leaves behind for others to stumble
 * over.
 *
 * When the path leads to another file now, SQLite leaves both where they are,
 * since that file is not its own. Whoever opens that path next takes them for
 * the new file's: it reads the old content, integrity_check says ok, and the
 * next checkpoint writes the old pages over the new file. When only the `-wal`
 * was deleted, the `-shm` is an index of nothing: whoever opens the database
 * next gets a disk I/O error.
 *
 * @module
 */

import { remove } from "../os/files.ts";
import { glance } from "../os/look.ts";
import { truncate } from "../wal/checkpoint.ts";
import type { Session } from "./session.ts";

/** What is to be cleared away when the connection is closed. */
export class LeftFiles {
  readonly #files: { path: string; ino: number }[] = [];

  /**
   * @param session Still open: what it has in its WAL goes into its own file,
   * which may live on under another name.
   */
  constructor({ path, connection, busyTimeout }: Session) {
    for (const name of [`${path}-wal`, `${path}-shm`]) {
      const found = glance(name);
      if (found !== null) this.#files.push({ path: name, ino: found.ino });
    }
    try {
      truncate(connection, 100, busyTimeout);
    } catch {
      // It was opened to be read only, or somebody else is at it, who has a
      // hold of their own on the same frames.
    }
  }

  /** Removes them, unless others have taken their place. */
  remove(): void {
    for (const { path, ino } of this.#files) {
      if (glance(path)?.ino === ino) remove(path);
    }
  }
}
