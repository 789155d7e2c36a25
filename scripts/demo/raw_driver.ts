/**
 * The runtime's own SQLite with nothing around it.
 *
 * @module
 */

import process from "node:process";
import type { Store } from "./load.ts";

/** A connection of `bun:sqlite` or `node:sqlite`. */
export interface RawDatabase extends Store {
  exec(sql: string): void;
  close(): void;
}

type RawClass = new (path: string) => RawDatabase;

/** Opens a file with `bun:sqlite` or `node:sqlite`. */
export function openRaw(path: string): RawDatabase {
  const builtin = (name: string) =>
    process.getBuiltinModule(name) as unknown as
      | Record<string, RawClass>
      | undefined;
  const Raw = builtin("bun:sqlite")?.["Database"] ??
    builtin("node:sqlite")?.["DatabaseSync"];
  if (Raw === undefined) throw new Error("Cannot find SQLite in this runtime");
  return new Raw(path);
}
