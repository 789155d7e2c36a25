/**
 * Whether `/proc` shows other processes, and which. The core never imports
 * this: it asks about processes whose PIDs it knows.
 */

import { failureOf, fileSystem, mayReadProc } from "./builtin.ts";
import { whyNoDescriptor } from "./files.ts";
import { showsOthers } from "./procfs.ts";

/** Why other processes cannot be looked at; `null` if they can. */
export function whyNoProc(): string | null {
  if (process.platform !== "linux") {
    return `there is no /proc on ${process.platform}`;
  }
  if (!mayReadProc()) return "Deno shows /proc only with --allow-all";
  const { permission } = process as {
    permission?: { has(scope: string, path: string): boolean };
  };
  if (permission?.has("fs.read", "/proc/self/stat") === false) {
    return "Node shows /proc only with --allow-fs-read for it";
  }
  if (!showsOthers()) return "/proc has the PIDs of another PID namespace";
  const fs = fileSystem();
  const mayRead = () => fs.accessSync("/proc/locks", fs.constants.R_OK);
  if (failureOf(mayRead) !== null) return "/proc/locks cannot be read here";
  // Then each process would look like one that may not be looked into.
  return whyNoDescriptor();
}

/** The PIDs of all processes that are shown. */
export function shownPids(): number[] {
  return fileSystem().readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
