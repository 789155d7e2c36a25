/**
 * What Deno's permissions let us look at. Asked before every look, because a
 * missing permission is not an error in a terminal but a question to the user.
 *
 * @module
 */

interface Asked {
  name: string;
  command?: string;
  variable?: string;
}

interface DenoPermissions {
  permissions: { querySync(descriptor: Asked): { state: string } };
}

/**
 * Whether `/proc` and other processes may be looked at. Deno 2.9 wants
 * `--allow-all` for that, and has no query for it: so each part is asked for.
 */
export function mayLookAround(): boolean {
  const deno = (globalThis as { Deno?: DenoPermissions }).Deno;
  if (deno === undefined) return true;
  return ["read", "run", "sys", "ffi"].every((name) =>
    deno.permissions.querySync({ name }).state === "granted"
  );
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
