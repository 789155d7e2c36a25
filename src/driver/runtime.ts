/** The one place that says on which runtime we are and picks its driver. */

import { UnsupportedError } from "../errors.ts";
import { connectBetter } from "./better_sqlite3.ts";
import { type BunModule, connectBun } from "./bun.ts";
import type { Connection, ConnectionOptions } from "./contract.ts";
import { connectNode, type NodeModule } from "./node.ts";
import { messageOf } from "./result_codes.ts";

// What was tried: Bun before 1.2.6 cannot load a built-in at run time, Deno
// before 2.7 lacks setReturnArrays() and isTransaction and 2.7.1 loses exit
// listeners, Node before 22.16 lacks columns(). Bun and Deno name a Node too.
const OLDEST = { Bun: "1.2.6", Deno: "2.7.14", Node: "22.16" };

type Opener = (place: string, how: ConnectionOptions) => Connection;

let opener: Opener | undefined;

/** Opens a file with the runtime's own SQLite. */
export function openConnection(
  path: string,
  how: ConnectionOptions = {},
): Connection {
  const open = opener ??= pick();
  // Bun cuts white space off the end of a name, and has another file open then.
  if (how.immutable || process.versions["bun"] && /\s$/.test(path)) {
    const uri = encodeURI(path).replace(/[?#]/g, encodeURIComponent);
    // Nobody can change it: https://sqlite.org/uri.html#uriimmutable.
    return open(`file:${uri}${how.immutable ? "?immutable=1" : ""}`, how);
  }
  let left = process.platform === "win32" && how.busyTimeout;
  if (how.readOnly || typeof left !== "number") return open(path, how);
  // A backup or a scanner may keep writers out of what it reads there; SQLite
  // then opens it to read only, for good. Beside a writer of ours none can.
  const { openSync, closeSync } = process.getBuiltinModule("node:fs");
  let file: number | undefined;
  for (; file === undefined; left -= 10) {
    try {
      file = openSync(path, "r+");
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "EBUSY") break;
      if (left <= 0) {
        throw Object.assign(Error("it is in use"), { code: "SQLITE_BUSY" });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
  try {
    return open(path, how);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** @throws {UnsupportedError} Where we cannot run, or without SQLite. */
export function requireSqlite(): void {
  opener ??= pick();
}

/** A second one, of the same library, that can write nothing. */
export function openBeside(connection: Connection, path: string): Connection {
  const how = { readOnly: true, readonly: true };
  if (isOfRuntime(connection)) return openConnection(path, how);
  const { constructor } = Object(connection.native);
  return connectBetter(Reflect.construct(constructor, [path, how]));
}

/** Wraps a database that the caller opened, and will close. */
export function adoptConnection(native: unknown): Connection {
  requireRuntime();
  // By what only that one has; not read, as a getter may throw once closed.
  const it = Object(native);
  // libsql and others look alike, and have a SQLite library of their own.
  const { DatabaseSync = Map } = Object(builtin("node:sqlite"));
  const connect = "pragma" in it
    ? ("syncUntil" in it ? null : connectBetter)
    : "query" in it
    ? connectBun
    : (it instanceof DatabaseSync ? connectNode : null);
  let got = Object.prototype.toString.call(native);
  try {
    const connection = connect?.(native as never, false);
    // Unlike a SELECT it reads no schema: the database may be locked.
    if (connection?.value("PRAGMA database_list") === 0) return connection;
  } catch (error) {
    got += ` (${messageOf(error)})`;
  }
  throw new TypeError(
    "Cannot adopt the database: it must be an open Database of bun:sqlite or " +
      `better-sqlite3, or a DatabaseSync of node:sqlite, got ${got}`,
  );
}

/** Whether it is of the runtime's own SQLite, whose locks others do not see. */
export function isOfRuntime({ native }: Connection): boolean {
  return !("pragma" in Object(native));
}

/** Its name, `Node 24.21.0`. @throws {UnsupportedError} Where we cannot run. */
export function requireRuntime(): string {
  // In a browser there is no `process`.
  const { process, navigator } = globalThis as {
    process?: { versions?: Record<string, string | undefined> } | null;
    navigator?: { userAgent?: string };
  };
  for (const [name, oldest] of Object.entries(OLDEST)) {
    const version = process?.versions?.[name.toLowerCase()];
    // workerd says that it is a Node, and has stubs of its modules.
    if (!version || !process?.versions?.["uv"]) continue;
    if (rank(version) >= rank(oldest)) return `${name} ${version}`;
    throw new UnsupportedError(
      `Cannot use litelatch on ${name} ${version}: it needs ${name} ` +
        `${oldest} or newer; update it`,
    );
  }
  throw new UnsupportedError(
    `Cannot use litelatch on ${navigator?.userAgent ?? "this runtime"}: it ` +
      "needs files and SQLite: Bun, Deno or Node",
  );
}

/** `22.16` as 22.016, so that releases compare as numbers. */
function rank(version: string): number {
  return version.split(/[.-]/, 3)
    .reduce((sum, part, i) => sum + Number(part) / 1000 ** i, 0);
}

function pick(): Opener {
  const runtime = requireRuntime();
  // getBuiltinModule answers at run time, so that bundlers, JSR and the other
  // runtimes never see an import that they cannot resolve.
  const bun = builtin("bun:sqlite") as BunModule | undefined;
  if (bun) {
    // With URI: https://sqlite.org/c3ref/c_open_autoproxy.html.
    return (place, { readOnly }) =>
      connectBun(new bun.Database(place, readOnly ? 0x41 : 0x46), true);
  }
  const node = builtin("node:sqlite") as NodeModule | undefined;
  if (node) {
    return (place, { readOnly = false }) =>
      connectNode(new node.DatabaseSync(place, { readOnly }), true);
  }
  throw new UnsupportedError(
    `Cannot find SQLite in ${runtime}: use an official build`,
  );
}

/** Keeps the remark of Node 22 that SQLite is experimental off stderr. */
function builtin(name: string): unknown {
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (String(warning).startsWith("SQLite is an experimental feature")) return;
    emitWarning.call(process, warning, ...rest as []);
  };
  try {
    return process.getBuiltinModule(name);
  } finally {
    process.emitWarning = emitWarning;
  }
}
