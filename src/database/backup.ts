/**
 * Copies a live database into a new file.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import { flush, remove, settleAt } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import { toPath } from "../os/paths.ts";
import type { Session } from "./session.ts";

/**
 * `VACUUM INTO` a draft, which is flushed and then moved into place: a copy
 * that is there is whole. SQLite does not flush the new file itself
 * (https://sqlite.org/lang_vacuum.html#vacuuminto).
 */
export function backup(session: Session, destination: string): void {
  session.require();
  const path = toPath(destination);
  if (session.depth > 0) {
    throw failure(path, "it must not be called inside read() or write()");
  }
  const draft = `${path}.${randomId()}.tmp`;
  try {
    const statement = session.connection.prepare("VACUUM INTO ?");
    try {
      const run = () => statement.run([draft]);
      if (session.lease === null) run();
      else session.lease.exempt(run);
    } finally {
      statement.finalize();
    }
    flush(draft);
    if (!settleAt(draft, path)) {
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
    const said = error instanceof Error ? error.message : String(error);
    // Deno sets SQLITE_LIMIT_ATTACHED to 0 where it cannot check each path.
    const why = said.startsWith("too many attached databases - max 0")
      ? "Deno lets SQLite write another file only with --allow-all"
      : said;
    throw failure(path, why, error);
  }
}

function failure(path: string, why: string, cause?: unknown): LitelatchError {
  return new LitelatchError(
    "LITELATCH_BACKUP",
    `Cannot copy the database to "${path}": ${why}`,
    { cause },
  );
}
