/**
 * The story of one look: where it is, who locks it, who has it open, what it
 * says. No lock is taken and nothing is written.
 *
 * @module
 */

import { canWrite } from "../os/files.ts";
import { facts } from "../os/look.ts";
import { mountOf } from "../os/mounts.ts";
import { locate, type Location, toPath } from "../os/paths.ts";
import { self } from "../os/process.ts";
import { readContents } from "./contents.ts";
import { filesystemReport } from "./filesystem.ts";
import { findHolders, lockReport } from "./holders.ts";
import { readLocks } from "./kernel.ts";
import { findOpened, findProcesses } from "./processes.ts";
import { Reasons } from "./reasons.ts";
import type { FileReport, Report } from "./report.ts";
import { sqliteReport } from "./sqlite.ts";

/**
 * Looks at a database, and at who has it open, on a live system: it takes no
 * lock, sets no pragma and writes nothing. The file may be locked, damaged or
 * missing, and this very process may have it open.
 *
 * On Linux it names every process that has the database open and what it
 * holds. Elsewhere, and in Deno without `--allow-all`, only the pidfiles and
 * the files themselves can be read; then the other facts are `null`, and
 * `reasons` says why.
 *
 * Where this process has the database open, another process (`dd`) reads the
 * bytes: closing a file would drop this process's locks on it.
 *
 * @param path A file or a `file:` URL. Symbolic links are followed.
 * @returns What is known, as one object that survives JSON.
 * @throws {TypeError} If `path` is no path.
 *
 * @example Who writes?
 * ```ts
 * import { inspect } from "@litelatch/litelatch";
 *
 * const report = inspect(new URL("./events.db", import.meta.url));
 * const writer = report.processes?.find((process) => process.writing);
 * console.log(writer?.pid ?? "nobody writes", report.reasons.processes);
 * ```
 */
export function inspect(path: string | URL): Report {
  return look(path, false);
}

/**
 * As {@linkcode inspect}.
 *
 * @param alone Whether the caller knows that nothing in this process has the
 * database open.
 */
export function look(path: string | URL, alone: boolean): Report {
  if (path === ":memory:") {
    throw new TypeError(
      'Cannot inspect ":memory:": it must be a file, and others cannot open it',
    );
  }
  const reasons = new Reasons();
  const asked = toPath(path);
  let target: Location | null;
  try {
    target = locate(asked);
  } catch (error) {
    target = null;
    const { code, name } = error as { code?: string; name?: string };
    reasons.note("file", `the path leads nowhere (${code ?? name})`);
  }
  const place = target?.path ?? asked;
  // First the others: reading the files below opens them in this process.
  const opened = findOpened(place);
  const locks = readLocks(place, opened ?? { files: [], unseen: 0 });
  const { processes, unseen } = findProcesses(place, opened, locks, reasons);
  const { holders, unreadable } = target === null
    ? { holders: [], unreadable: [] }
    : findHolders(target, locks, reasons);
  const lock = lockReport(place, locks, reasons);
  const file = target === null ? null : fileReport(target, reasons);
  const { database, wal } = readContents(place, locks, alone, reasons);
  const locked = locks !== null &&
    locks.database.length + locks.shm.length + locks.lock.length > 0;
  return {
    path: place,
    at: new Date().toISOString(),
    pid: self().pid,
    file,
    database,
    wal,
    lock,
    holders,
    unreadable,
    processes,
    unseen,
    filesystem: filesystemReport(target?.folder ?? place, locked, reasons),
    sqlite: sqliteReport(reasons),
    reasons: reasons.all,
  };
}

function fileReport(target: Location, reasons: Reasons): FileReport | null {
  let found: ReturnType<typeof facts>;
  try {
    found = facts(target.path);
  } catch (error) {
    const { code, name } = error as { code?: string; name?: string };
    return reasons.note("file", `it cannot be looked at (${code ?? name})`);
  }
  if (found === null) return reasons.note("file", "there is nothing");
  const denied = "the rights could not be asked for";
  // Deno asks for the rights alone, and root has them all.
  const may = (path: string) =>
    mountOf(path)?.readOnly === true ? false : canWrite(path);
  return {
    kind: found.kind,
    bytes: Number(found.size),
    links: Number(found.links),
    writable: may(target.path) ?? reasons.note("file.writable", denied),
    folderWritable: may(target.folder) ??
      reasons.note("file.folderWritable", denied),
  };
}
