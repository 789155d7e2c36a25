/** What of the runtime may be used, and how it refuses. @module */

import type fs from "node:fs";

/** What only one of the runtimes has. */
export interface Realm {
  Bun?: { sleepSync?(milliseconds: number): void };
  Deno?: {
    permissions: { querySync(asked: Permission): { state: string } };
    statSync(path: string): { dev: number; ino: number; size: number };
    lstatSync: NonNullable<Realm["Deno"]>["statSync"];
  };
}

type Permission = { name: string; [more: string]: string };

/**
 * `node:fs`, loaded on first use. A static import would cost every hook its
 * start-up time, and would put `node:` in front of bundlers.
 */
export function fileSystem(): typeof fs {
  return process.getBuiltinModule("node:fs");
}

/** What `run` gives, or `otherwise` where it is refused. */
export function attempt<T, E>(run: () => T, otherwise: E): T | E {
  try {
    return run();
  } catch {
    return otherwise;
  }
}

/** The code of the error that `run` ends in, such as `ENOENT`; else `null`. */
export function failureOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    return String((error as { code?: unknown } | null)?.code);
  }
}

/**
 * Whether all of these are granted; always outside of Deno, where to go on
 * without one is not an error in a terminal but a question to the user.
 */
export function isGranted(...asked: Permission[]): boolean {
  const { Deno } = globalThis as Realm;
  // A test may have put a piece of a Deno there.
  return Deno?.permissions === undefined ||
    asked.every((one) => Deno.permissions.querySync(one).state === "granted");
}

let procGranted: boolean | undefined;

/**
 * Whether `/proc` may be read, and signal 0 sent. Deno 2.9 wants `--allow-all`
 * for that, and has no query for it: so each part is asked for.
 */
export function mayReadProc(): boolean {
  return procGranted ??= ["read", "run", "sys", "ffi"]
    .every((name) => isGranted({ name }));
}
