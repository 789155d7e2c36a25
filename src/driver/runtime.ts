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
import { messageOf } from "./result_codes.ts";
import {
  connectNode,
  type NodeDatabase,
  type NodeModule,
  openNode,
} from "./node.ts";

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
  const has = (name: string, type: string) => {
    try {
      return typeof (native as Record<string, unknown> | null)?.[name] === type;
    } catch {
      // A getter may throw once it is closed.
      return true;
    }
  };
  const wrap = !has("prepare", "function") || !has("exec", "function")
    ? null
    : has("pragma", "function") && has("inTransaction", "boolean")
    ? () => connectBetter(native as BetterDatabase)
    : has("query", "function") && has("inTransaction", "boolean")
    ? () => connectBun(native as BunDatabase, false)
    : has("isTransaction", "boolean")
    ? () => connectNode(native as NodeDatabase, false)
    : null;
  const got = Object.prototype.toString.call(native);
  if (wrap === null) throw cannotAdopt(`got ${got}`);
  const connection = wrap();
  try {
    connection.value("SELECT 1");
  } catch (error) {
    throw cannotAdopt(`got one that is not (${messageOf(error)})`);
  }
  return connection;
}

function cannotAdopt(got: string): TypeError {
  return new TypeError(
    "Cannot adopt the database: it must be an open Database of bun:sqlite or " +
      `better-sqlite3, or a DatabaseSync of node:sqlite, ${got}`,
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

/** Keeps the remark of Node 22 that SQLite is experimental off stderr. */
function quietly<T>(load: () => T): T {
  if (!process.versions.node?.startsWith("22.")) return load();
  const original = process.emitWarning;
  const filtered = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).startsWith("SQLite is an experimental feature")) return;
    Reflect.apply(original, process, [warning, ...rest]);
  };
  process.emitWarning = filtered;
  try {
    return load();
  } finally {
    process.emitWarning = original;
  }
}

function builtin(name: string): unknown {
  return process.getBuiltinModule(name);
}
