/**
 * The story of one look: where it is, who locks it, who has it open, what it
 * says. No lock is taken and nothing is written.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { requireRuntime } from "../driver/runtime.ts";
import { canWrite } from "../os/files.ts";
import { locate, type Location, toPath } from "../os/paths.ts";
import { whyNoProc } from "../os/proc_view.ts";
import { self } from "../os/process.ts";
import { mountOf } from "../os/procfs.ts";
import { type FileStat, stat } from "../os/stat.ts";
import { check, typed } from "../settings.ts";
import { readContents } from "./contents.ts";
import { diskReport } from "./disk_report.ts";
import { readLocks } from "./file_locks.ts";
import { findRecords, lockReport, type Records } from "./lock_report.ts";
import { findOpened, findProcesses } from "./process_reports.ts";
import { Reasons } from "./reasons.ts";
import type { FileReport, Report } from "./report.ts";
import { sqliteReport } from "./sqlite_report.ts";

/** What {@linkcode inspect} can be told. */
export interface InspectOptions {
  /**
   * Whether nothing in this process has the database open. Default false. Where
   * that cannot be seen (macOS, Deno without `--allow-all`), its bytes are then
   * read here, and not by another process.
   */
  alone?: boolean;
}

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
 * @param options `alone` where nothing in this process has it open.
 * @returns What is known, as one object that survives JSON.
 * @throws {UnsupportedError} Where there are no files, or on a runtime older
 * than the oldest supported.
 * @throws {TypeError} If `path` is no path, or an option is wrong.
 *
 * @example Who writes?
 * ```ts
 * import { inspect } from "@litelatch/litelatch/inspect";
 *
 * const report = inspect(new URL("./events.db", import.meta.url));
 * const writer = report.processes?.find((process) => process.writing);
 * console.log(writer?.pid ?? "nobody writes", report.reasons.processes);
 * ```
 */
export function inspect(
  path: string | URL,
  options?: InspectOptions,
): Report {
  requireRuntime();
  check("inspect a database", options, {
    alone: typed("boolean", "true or false"),
  });
  const alone = options?.alone ?? false;
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
    const { cause } = error as { cause?: { code?: string; name?: string } };
    const { code, name } = cause ?? { code: "its name cannot be shown" };
    reasons.note("file", `the path leads nowhere (${code ?? name})`);
  }
  const place = target?.path ?? asked;
  // First the others: reading the files below opens them in this process.
  const opened = findOpened(place);
  const locks = readLocks(place, opened ?? { files: [], unseen: 0 });
  const { processes, unseen } = findProcesses(place, opened, locks, reasons);
  const records: Records = target === null
    ? { holders: [], unreadable: [], foreign: [] }
    : findRecords(target, locks, reasons);
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
    ...records,
    processes,
    unseen,
    filesystem: diskReport(target?.folder ?? place, locked, reasons),
    sqlite: sqliteReport(reasons),
    reasons: reasons.all,
  };
}

function fileReport(target: Location, reasons: Reasons): FileReport | null {
  let found: FileStat | null;
  try {
    found = stat(target.path);
  } catch (error) {
    return reasons.note("file", messageOf(error));
  }
  if (found === null) return reasons.note("file", "there is nothing");
  const { kind, size, links } = found;
  const denied = "the rights could not be asked for";
  const mount = mountOf(target.path);
  // Deno asks for the rights alone, and root has them all.
  const may = (path: string) =>
    mountOf(path)?.readOnly === true ? false : canWrite(path);
  return {
    kind: kind === "file" || kind === "folder" ? kind : "other",
    bytes: size,
    links,
    mounted: mount === null
      ? reasons.note("file.mounted", whyNoProc() ?? "the kernel does not tell")
      : kind === "file" && mount.folder === target.path,
    writable: may(target.path) ?? reasons.note("file.writable", denied),
    folderWritable: may(target.folder) ??
      reasons.note("file.folderWritable", denied),
  };
}
