/**
 * What we may look at. Deno's permissions are asked before every look, because
 * a missing one is not an error in a terminal but a question to the user.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";

interface Asked {
  name: string;
  command?: string;
  variable?: string;
}

interface DenoPermissions {
  permissions: { querySync(descriptor: Asked): { state: string } };
}

/**
 * Whether `/proc` may be read, and other processes asked. Deno 2.9 wants
 * `--allow-all` for that, and has no query for it: so each part is asked for.
 */
export function mayReadProc(): boolean {
  const deno = (globalThis as { Deno?: DenoPermissions }).Deno;
  if (deno === undefined) return true;
  return ["read", "run", "sys", "ffi"].every((name) =>
    deno.permissions.querySync({ name }).state === "granted"
  );
}

/** Whether other processes can be found in `/proc` by their PIDs. */
export function mayLookAround(): boolean {
  return mayReadProc() && (ownNumbers ??= numbersAreOurs());
}

let ownNumbers: boolean | undefined;

/**
 * Whether `/proc` has the PIDs of our namespace. After `unshare --pid` without
 * a mount of its own it has those of the outer one, and told a holder of
 * itself that it was dead.
 */
function numbersAreOurs(): boolean {
  if (process.platform !== "linux") return true;
  try {
    return fileSystem().readlinkSync("/proc/self") === String(process.pid);
  } catch {
    // No /proc at all: then no look finds anything.
    return true;
  }
}

/** Whether the type of a filesystem may be asked for (`statfs`). */
export function mayAskSystem(): boolean {
  const deno = (globalThis as { Deno?: DenoPermissions }).Deno;
  return deno === undefined ||
    deno.permissions.querySync({ name: "sys" }).state === "granted";
}

/**
 * Whether a program may be started. Deno 2.9 also looks up that one variable
 * for whatever is started through `node:child_process`.
 */
export function mayRun(command: string): boolean {
  const deno = (globalThis as { Deno?: DenoPermissions }).Deno;
  return deno === undefined || [
    { name: "run", command },
    { name: "env", variable: "NODE_V8_COVERAGE" },
  ].every((asked) => deno.permissions.querySync(asked).state === "granted");
}
