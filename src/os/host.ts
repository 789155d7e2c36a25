/**
 * The name of this host.
 *
 * @module
 */

import { mayStatfs } from "./permissions.ts";

/** What this host calls itself; `null` where that may not be asked. */
export function hostName(): string | null {
  if (!mayStatfs()) return null;
  try {
    return process.getBuiltinModule("node:os").hostname();
  } catch {
    return null;
  }
}
