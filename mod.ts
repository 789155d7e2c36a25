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
export type { Change, WatchOptions } from "./src/database/changes.ts";
export type { CheckpointResult } from "./src/database/checkpoint_now.ts";
export type { Database } from "./src/database/database.ts";
export type { Statement } from "./src/database/statement.ts";
export type { Lock } from "./src/lock/lock.ts";
export type { Row, RunResult, Value } from "./src/driver/contract.ts";
export type {
  AdoptOptions,
  Attachment,
  Holder,
  LeasedDatabase,
  LeaseLike,
  LegacyGuard,
  LegacyLike,
  LockMode,
  LockOptions,
  OldVersion,
  OnLocked,
  OpenOptions,
} from "./src/options.ts";
