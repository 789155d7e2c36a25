/**
 * Findings about the files and where they are.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";
import { lstat } from "../os/stat.ts";
import type { Finding, Looks } from "./finding.ts";
import { count, size } from "./formats.ts";

/** What is wrong with the files. */
export function findingsAboutFiles({ reports, last }: Looks): Finding[] {
  const { file, database, wal, filesystem } = last;
  const found: Finding[] = [];
  const add = (
    code: string,
    level: Finding["level"],
    what: string,
    todo: string,
  ) => found.push({ code, level, what, todo, pids: [] });

  if (database !== null && !database.valid) {
    add(
      "not-a-database",
      "error",
      "The file is no SQLite database: it does not begin as one must.",
      "If it was one, something has overwritten it: restore a backup, or try " +
        "`.recover` of the sqlite3 program on a copy. Otherwise use another " +
        "path.",
    );
  }
  if (isTruncated(reports)) {
    const { pages, pageSize } = database!;
    add(
      "truncated",
      "error",
      `The end of the file is missing: it is ${size(file!.bytes)}, and says ` +
        `that it has ${count(pages!, "page")} of ${size(pageSize!)}.`,
      "Restore a backup. Without one, try `.recover` of the sqlite3 program on " +
        "a copy: it saves what is in the pages that are left.",
    );
  }
  if (file === null && wal !== null) {
    add(
      "database-missing",
      "error",
      `There is no database, but a WAL of ${size(wal.bytes)} is left of one: ` +
        "the next database of that name would find a WAL that is not its own.",
      "Put the database back beside its WAL if it was moved. If it was " +
        "deleted on purpose, delete the -wal and -shm files too.",
    );
  }
  // A writer may have been at its header in one of the looks.
  if (reports.every((report) => report.wal?.valid === false)) {
    add(
      "wal-damaged",
      "error",
      "The WAL does not begin as one must, so SQLite ignores all that is in " +
        "it.",
      "Copy all the files to a safe place before anybody opens the database; " +
        "then run `PRAGMA integrity_check`, and restore a backup if in doubt.",
    );
  }
  if (filesystem.network === true) {
    add(
      "network-filesystem",
      "error",
      `The database is on a network filesystem (${filesystem.type}): WAL needs ` +
        "memory that all processes share, which two machines do not have, and " +
        "locks often do not reach the other machine.",
      "Put the database on a local disk. If only this machine uses it, prove " +
        "that it works: `litelatch selftest` on that folder.",
    );
  }
  const stuck = file?.writable === false
    ? "the file"
    : file?.folderWritable === false
    ? "its folder, where SQLite makes the -wal and -shm files"
    : null;
  if (stuck !== null) {
    add(
      "unwritable",
      "warning",
      `This user may not write to ${stuck}${
        filesystem.readOnly ? ": the filesystem is mounted read-only" : ""
      }.`,
      "Give the file and its folder to the user that runs the program, or " +
        "open it with { readOnly: true }.",
    );
  }
  if (database?.journalMode === "rollback") {
    add(
      "rollback-journal",
      "warning",
      "The journal mode is not WAL: every writer stops all readers, and every " +
        "reader stops all writers.",
      "Open it once with litelatch, or run `PRAGMA journal_mode=WAL`; the " +
        "file remembers it.",
    );
  }
  return found;
}

/**
 * Whether pages are missing. A database may grow while it is looked at, so the
 * largest size of all looks counts. And what is committed may still be in a WAL,
 * or is taken back by a journal.
 */
function isTruncated(reports: Report[]): boolean {
  const largest = Math.max(...reports.map(({ file }) => file?.bytes ?? 0));
  return reports.every(({ path, file, database, wal }) => {
    const { pages, pageSize } = database ?? {};
    return file?.kind === "file" && (pages ?? 0) * (pageSize ?? 0) > largest &&
      !wal?.bytes && !lstat(`${path}-journal`)?.size;
  });
}
