/**
 * The runtime's SQLite as one would use it by hand.
 *
 * @module
 */

import process from "node:process";

/** What the two drivers have in common. */
export interface Raw {
  exec(sql: string): unknown;
  prepare(sql: string): RawStatement;
  close(): void;
}

/** A prepared statement of either driver. */
export interface RawStatement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
}

interface Bun {
  Database: new (path: string, options: object) => Raw;
}
interface Node {
  DatabaseSync: new (path: string) => Raw;
}

/** Opens a file with the settings that litelatch gives it. */
export function openRaw(path: string): Raw {
  const db = connectRaw(path);
  db.exec(
    "PRAGMA busy_timeout=5000;PRAGMA journal_mode=WAL;" +
      "PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;" +
      "PRAGMA journal_size_limit=16777216;PRAGMA wal_autocheckpoint=1000",
  );
  return db;
}

/** Opens a file, and does nothing else. */
export function connectRaw(path: string): Raw {
  const load = process.getBuiltinModule as (name: string) => unknown;
  const bun = load("bun:sqlite") as Bun | undefined;
  return bun === undefined
    ? new (load("node:sqlite") as Node).DatabaseSync(path)
    : new bun.Database(path, { readwrite: true, create: true });
}
