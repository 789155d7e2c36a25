/**
 * What may be asked for. Deno's permissions are queried before, because a
 * missing one is not an error in a terminal but a question to the user.
 *
 * @module
 */

interface Descriptor {
  name: string;
  command?: string;
  variable?: string;
}

interface DenoPermissions {
  permissions: { querySync(descriptor: Descriptor): { state: string } };
}

/** Whether every one of these is granted; always outside of Deno. */
export function isGranted(...descriptors: Descriptor[]): boolean {
  const { Deno } = globalThis as { Deno?: DenoPermissions };
  return Deno === undefined ||
    descriptors.every((one) =>
      Deno.permissions.querySync(one).state === "granted"
    );
}

/** Whether the type of a filesystem may be asked for (`statfs`). */
export function mayStatfs(): boolean {
  return isGranted({ name: "sys" });
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
