/** The name of this host. */

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

/** What lists the names of the file that follows (hard links). */
export function namesCommand(): string {
  return process.platform === "win32"
    ? "fsutil hardlink list"
    : "find . -samefile";
}
