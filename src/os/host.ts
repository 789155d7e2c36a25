/** The name of this host. */

import { attempt, isGranted } from "./builtin.ts";

/** What this host calls itself; `null` where that may not be asked. */
export function hostName(): string | null {
  const { hostname } = process.getBuiltinModule("node:os");
  return isGranted({ name: "sys" }) ? attempt(hostname, null) : null;
}

/** What lists the names of the file that follows (hard links). */
export function namesCommand(): string {
  return process.platform === "win32"
    ? "fsutil hardlink list"
    : "find . -samefile";
}
