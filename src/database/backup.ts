/**
 * Copies a live database into a new file.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { LitelatchError } from "../errors.ts";
import { create, flush, moveTo, remove } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import { toPath } from "../os/paths.ts";
import { stat } from "../os/stat.ts";
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
  if (session.depth > 0) {
    throw failure(path, "it must not be called inside read() or write()");
  }
  const draft = `${path}.${randomId()}.tmp`;
  try {
    const rights = session.path === ":memory:" ? null : stat(session.path);
    create(draft, "", rights);
    copyInto(session, draft);
    flush(draft);
    if (!moveTo(draft, path)) {
      throw failure(
        path,
        "something is there already; remove it, or give a new name",
      );
    }
  } catch (error) {
    remove(draft);
    remove(`${draft}-journal`);
    const seen = session.explain(error);
    if (seen instanceof LitelatchError) throw seen;
    const said = messageOf(error);
    // Deno sets SQLITE_LIMIT_ATTACHED to 0 where it cannot check each path.
    const why = said.startsWith("too many attached databases - max 0")
      ? "Deno lets SQLite write another file only with --allow-all"
      : said;
    throw failure(path, why, error);
  }
}

function copyInto({ connection, turns }: Session, draft: string): void {
  // With a fence nothing may be written outside of write(), but this writes
  // nothing into the database.
  const isQueryOnly = connection.value("PRAGMA query_only") === 1;
  if (isQueryOnly) connection.exec("PRAGMA query_only=0");
  const statement = turns.again(() => connection.prepare("VACUUM INTO ?"));
  try {
    turns.again(() => statement.run([draft]));
  } finally {
    statement.finalize();
    if (isQueryOnly) connection.exec("PRAGMA query_only=1");
  }
}

function failure(path: string, why: string, cause?: unknown): LitelatchError {
  return new LitelatchError(
    "LITELATCH_BACKUP",
    `Cannot copy the database to "${path}": ${why}`,
    { cause },
  );
}
