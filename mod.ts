/**
 * Open one SQLite database from many processes, safely: on Bun, Deno and Node,
 * with no dependencies.
 *
 * ```ts
 * import { open } from "@litelatch/litelatch";
 *
 * using db = open(":memory:", { app: "my-hook" });
 * db.exec("CREATE TABLE event (text TEXT)");
 * db.write(() => db.prepare("INSERT INTO event VALUES (?)").run("stopped"));
 * console.log(db.prepare("SELECT text FROM event").get()); // { text: "stopped" }
 * ```
 *
 * @module
 */

export { adopt, open, openAsync } from "./src/open.ts";
export { inspect } from "./src/inspect/inspect.ts";
export { acquireLock, acquireLockAsync } from "./src/lock/acquire_lock.ts";
export {
  BusyError,
  type ErrorCode,
  LitelatchError,
  LockedError,
  LockLostError,
  PragmaError,
  UnsupportedError,
} from "./src/errors.ts";
export type { Change } from "./src/database/change.ts";
export type { CheckpointResult } from "./src/database/checkpointing.ts";
export type { Database } from "./src/database/database.ts";
export type { Statement } from "./src/database/statement.ts";
export type { WatchOptions } from "./src/database/watching.ts";
export type {
  DatabaseReport,
  FileName,
  FileReport,
  FilesystemReport,
  LockReport,
  ProcessReport,
  ReadMark,
  RegisteredHolder,
  Report,
  SqliteReport,
  WalReport,
} from "./src/inspect/report.ts";
export type { Lock } from "./src/lock/handle.ts";
export type { Row, RunResult, Value } from "./src/driver/contract.ts";
export type {
  AdoptOptions,
  Holder,
  LeaseLike,
  LockMode,
  LockOptions,
  OnLocked,
  OpenOptions,
} from "./src/options.ts";
