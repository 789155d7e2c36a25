/**
 * The name of this host.
 *
 * @module
 */

import { mayAskSystem } from "./permissions.ts";

/** What this host calls itself; `null` where that may not be asked. */
export function hostName(): string | null {
  if (!mayAskSystem()) return null;
  try {
    return process.getBuiltinModule("node:os").hostname();
  } catch {
    return null;
  }
}
