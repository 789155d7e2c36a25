/** The words for what goes wrong behind an open database. @module */

import { partsOf } from "../os/paths.ts";
import { self } from "../os/process.ts";
import type { Loss } from "./watched_files.ts";

/** What was lost, what most likely did it, and what to do. */
export function lossText(path: string, loss: Loss, isRescued: boolean): string {
  const { name } = partsOf(path);
  const us = `this process, PID ${self().pid},`;
  const file = loss === "lock file" ? `${name}.lock` : `${name}-${loss}`;
  const gone =
    `Cannot write to "${path}": its ${file} was deleted or replaced ` +
    `while ${us} had it open`;
  const next =
    (isRescued
      ? "Nothing that was acknowledged is lost."
      : "The commits of the moments before this one may be lost.") +
    " Call reopen(), or close this handle and open the database again";
  switch (loss) {
    case "database":
      return `Cannot use "${path}": the file was deleted or moved, or another ` +
        `one was put in its place, while ${us} had it open. What this handle ` +
        `wrote is in the old file. ${next}.`;
    case "lock file":
      return `${gone}, or read by fs, so another process may hold a lock ` +
        "that excludes this one. Close every handle on it and open it again. " +
        `Do not delete ${file}.`;
    case "shm":
      return `${gone}. ${next}. Do not delete ${file}.`;
    case "wal":
      return `${gone}. Most likely something in this process opened and ` +
        "closed the database file (fs.readFile, fs.copyFile, a second SQLite " +
        "library), which drops its locks; then the last of the others closed " +
        `it. ${next}; copy a live database with backup().`;
    case "locks":
      return `Cannot write to "${path}": something in ${us} opened and ` +
        "closed a file of it, which dropped the process's locks on it, and " +
        `they cannot come back without losing what was set. ${next}.`;
  }
}

/** A reader keeps the WAL from being reset. `names` is null if unknown. */
export function pinnedText(
  path: string,
  walBytes: number,
  names: string[] | null,
): string {
  const who = names === null
    ? "a process that has it open is reading one old snapshot; which one " +
      "cannot be told from here"
    : `${names.join(" and ")} has been reading one old snapshot`;
  return `The WAL of "${path}" is at ${(walBytes / 2 ** 20).toFixed(1)} MiB ` +
    `and cannot be cut back: ${who}. End that read transaction (a forgotten ` +
    "iterate() or BEGIN), or that process; until then it grows.";
}
