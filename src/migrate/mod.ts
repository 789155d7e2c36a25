/**
 * Brings the schema of a database up to date, once, whoever comes first: each
 * step runs in one transaction that raises `PRAGMA user_version`.
 *
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { migrate } from "@litelatch/litelatch/migrate";
 *
 * using db = open(":memory:");
 * migrate(db, [
 *   "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)",
 *   "ALTER TABLE note ADD COLUMN at TEXT",
 * ]);
 * console.log(db.prepare("SELECT * FROM note").all()); // []
 * ```
 *
 * @module
 */

export { migrate, type MigrateOptions, type Step } from "./migrate.ts";
export { NewerSchemaError } from "./newer_schema.ts";
export type { MigrateProgress } from "./progress.ts";
