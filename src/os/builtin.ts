/** What of the runtime may be used, and how it refuses. @module */

import type fs from "node:fs";

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

/** The code of a system's error, such as `ENOENT`. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code);
}

interface Descriptor {
  name: string;
  command?: string;
  variable?: string;
}

interface DenoPermissions {
  permissions: { querySync(descriptor: Descriptor): { state: string } };
}

/**
 * Whether every one of these is granted; always outside of Deno, where a
 * missing permission is not an error in a terminal but a question to the user.
 */
export function isGranted(...descriptors: Descriptor[]): boolean {
  const { Deno } = globalThis as { Deno?: DenoPermissions };
  return Deno === undefined ||
    descriptors.every((one) =>
      Deno.permissions.querySync(one).state === "granted"
    );
}

let procGranted: boolean | undefined;

/**
 * Whether `/proc` may be read, and signal 0 sent. Deno 2.9 wants `--allow-all`
 * for that, and has no query for it: so each part is asked for.
 */
export function mayReadProc(): boolean {
  return procGranted ??= isGranted(
    ...["read", "run", "sys", "ffi"].map((name) => ({ name })),
  );
}
