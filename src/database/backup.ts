/** Copies a live database into a new file. */

import { messageOf } from "../driver/result_codes.ts";
import { openConnection } from "../driver/runtime.ts";
import { LitelatchError } from "../errors.ts";
import { create, moveTo, remove } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import { toPath } from "../os/paths.ts";
import { lstat, stat } from "../os/stat.ts";
import type { Session } from "./session.ts";

/**
 * `VACUUM INTO` a draft, which is flushed and then moved into place: a copy
 * that is there is whole. SQLite does not flush the new file itself
 * (https://sqlite.org/lang_vacuum.html#vacuuminto), and would give it to
 * everybody to read.
 */
export function backup(session: Session, destination: string): void {
  session.require();
  const path = toPath(destination);
  const draft = `${path}.${randomId()}.tmp`;
  let why = "something is there already; give a new name";
  let cause: unknown;
  try {
    // SQLite would read them as those of the copy.
    const left = ["-wal", "-shm", "-journal"].find((end) => lstat(path + end));
    if (left && !lstat(path)) {
      throw new Error(`its ${left} is there already; remove it`);
    }
    create(draft, "", stat(session.path));
    const { connection, turns } = session;
    // A fence forbids to write outside of write(); this writes another file.
    const before = connection.value("PRAGMA query_only");
    connection.exec("PRAGMA query_only=0");
    try {
      const quoted = draft.replaceAll("'", "''");
      turns.again(() => connection.exec(`VACUUM INTO '${quoted}'`));
    } finally {
      connection.exec(`PRAGMA query_only=${before}`);
    }
    // Its commit flushes the whole file: Node may forbid fsync().
    const copy = openConnection(draft);
    try {
      const version = copy.value("PRAGMA user_version");
      copy.exec(`PRAGMA user_version=${version}`);
    } finally {
      copy.close();
    }
    if (moveTo(draft, path)) return;
  } catch (error) {
    cause = session.explain(error);
    if (cause instanceof LitelatchError) throw cause;
    why = messageOf(cause);
    // Deno sets SQLITE_LIMIT_ATTACHED to 0 where it cannot check each path.
    if (/databases - max 0$/.test(why)) {
      why = "it may attach no file; on Deno only with --allow-all";
    }
  } finally {
    remove(draft);
    remove(`${draft}-journal`);
  }
  throw new LitelatchError(
    "LITELATCH_BACKUP",
    `Cannot copy the database to "${path}": ${why}`,
    { cause },
  );
}
