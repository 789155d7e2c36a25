/**
 * The one place that says on which runtime we are and picks its driver.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import {
  type BunDatabase,
  type BunModule,
  connectBun,
  openBun,
} from "./bun.ts";
import { type BetterDatabase, connectBetter } from "./better_sqlite3.ts";
import type { Connection, ConnectionOptions } from "./contract.ts";
import {
  connectNode,
  type NodeDatabase,
  type NodeModule,
  openNode,
} from "./node.ts";
import { quietly } from "./quietly.ts";

// What was tried: Bun before 1.2.6 cannot load a built-in at run time, Deno
// before 2.7 lacks setReturnArrays() and isTransaction and 2.7.1 loses exit
// listeners, Node before 22.16 lacks columns().
const OLDEST = { bun: [1, 2, 6], deno: [2, 7, 14], node: [22, 16] };

let driver: ((path: string, how: ConnectionOptions) => Connection) | undefined;

/** Opens a file with the runtime's own SQLite. */
export function openConnection(
  path: string,
  how: ConnectionOptions,
): Connection {
  driver ??= pick();
  return driver(path, how);
}

/** Wraps a database that the caller opened, and will close. */
export function adoptConnection(native: unknown): Connection {
  requireRuntime();
  const found = native as Record<string, unknown> | null;
  const can = (name: string) =>
    typeof found === "object" && found !== null &&
    typeof found[name] === "function";
  if (can("prepare") && can("exec")) {
    if (can("pragma")) return connectBetter(native as BetterDatabase);
    if (can("query")) return connectBun(native as BunDatabase, false);
    return connectNode(native as NodeDatabase, false);
  }
  throw new TypeError(
    "Cannot adopt the database: it must be an open Database of bun:sqlite " +
      `or better-sqlite3, or a DatabaseSync of node:sqlite, got ${
        Object.prototype.toString.call(native)
      }`,
  );
}

/** @throws {UnsupportedError} On a runtime older than the oldest supported. */
export function requireRuntime(): void {
  const name = process.versions["bun"] !== undefined
    ? "bun"
    : process.versions["deno"] !== undefined
    ? "deno"
    : "node";
  const found = process.versions[name] ?? "0";
  const parts = found.split(/[.-]/).map(Number);
  const oldest = OLDEST[name];
  for (let i = 0; i < oldest.length; i++) {
    const difference = (parts[i] ?? 0) - (oldest[i] ?? 0);
    if (difference > 0) return;
    if (difference < 0) {
      const title = name[0]?.toUpperCase() + name.slice(1);
      throw new UnsupportedError(
        `Cannot use litelatch on ${title} ${found}: it needs ${title} ` +
          `${oldest.join(".")} or newer; update the runtime`,
      );
    }
  }
}

function pick(): (path: string, how: ConnectionOptions) => Connection {
  requireRuntime();
  // getBuiltinModule answers at run time, so that bundlers, JSR and the other
  // runtimes never see an import that they cannot resolve.
  const bun = builtin("bun:sqlite") as BunModule | undefined;
  if (bun !== undefined) return (path, how) => openBun(bun, path, how);
  const node = quietly(() => builtin("node:sqlite")) as NodeModule | undefined;
  if (node !== undefined) return (path, how) => openNode(node, path, how);
  throw new UnsupportedError(
    "Cannot find SQLite in this runtime: neither bun:sqlite nor node:sqlite " +
      "is built in; use an official build of Bun, Deno or Node",
  );
}

function builtin(name: string): unknown {
  return process.getBuiltinModule(name);
}
