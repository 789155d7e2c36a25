/**
 * The name of this host.
 *
 * @module
 */

import { isGranted } from "./builtin.ts";

/** What this host calls itself; `null` where that may not be asked. */
export function hostName(): string | null {
  if (!isGranted({ name: "sys" })) return null;
  try {
    return process.getBuiltinModule("node:os").hostname();
  } catch {
    return null;
  }
}
