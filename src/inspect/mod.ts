/**
 * Looks at a database and at who has it open, on a live system, without a lock
 * and without writing anything.
 *
 * ```ts
 * import { inspect } from "@litelatch/litelatch/inspect";
 *
 * const { processes, wal, reasons } = inspect("app.db");
 * console.log(processes?.find((process) => process.writing)?.pid);
 * console.log(wal?.pinnedBy ?? reasons["wal.pinnedBy"]);
 * ```
 *
 * @module
 */

export { inspect, type InspectOptions } from "./inspect.ts";
export type {
  DatabaseReport,
  FileName,
  FileReport,
  FilesystemReport,
  ForeignFile,
  LockReport,
  ProcessReport,
  ReadMark,
  RegisteredHolder,
  Report,
  SqliteReport,
  WalReport,
} from "./report.ts";
export type { Holder, LockMode } from "../options.ts";
