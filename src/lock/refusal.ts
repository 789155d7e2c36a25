/** The words of a refusal: who holds it, who asked, what to do. @module */

import { LockedError } from "../errors.ts";
import type { Holder } from "../options.ts";
import type { Location } from "../os/paths.ts";
import { self } from "../os/process.ts";
import { processStat } from "../os/procfs.ts";
import { legible, printable } from "../printable.ts";
import type { LockSettings } from "../settings.ts";

/** What is asked for, and on whose behalf. */
export interface Ask extends LockSettings {
  /** How the target is called: `Database`, `Folder`, `File`. */
  what: string;
  target: Location;
  /** Whether the thread may stand still while SQLite waits. */
  blocking: boolean;
}

const MOST_LINES = 10;

/**
 * The error of a lock that others hold, or this thread itself (`isOurs`), maybe
 * on a lock file that was replaced meanwhile.
 */
export function refused(
  { what, target, mode }: Ask,
  holders: Holder[],
  waitedMs: number,
  isOurs = false,
  isReplaced = false,
): LockedError {
  const [path, name] = [legible(target.path), legible(target.name)];
  const isShared = holders.every((one) => one.mode === "shared");
  const lines = linesAbout(holders, isOurs ? "" : ", in another thread");
  const list = lines.join("\n  ");
  let who = lines.length === 0
    ? ", and its holder is unknown: it left no record that can be read here."
    : lines.length === 1
    ? ` ${isShared ? "shared" : "exclusively"} by ${list}.`
    : ` ${isShared ? "by shared holders" : "exclusively"}:\n  ${list}`;
  const isUnsure = holders.some(({ alive }) => alive === null);
  // A record outlives a holder that is killed, and one of them holds for sure.
  if (lines.length > 1 && isUnsure) {
    who += "\nSome of them may have ended: from here that cannot be seen.";
  }
  if (isReplaced) {
    who += `\n${name}.lock was deleted, replaced or read while it was held.`;
    if (isUnsure) who += ` If it ended, delete ${name}.pid*.`;
  }
  const todo = isOurs
    ? "Release the first one, or ask for the same mode."
    : `${
      advice(holders)
    }, wait for it with { wait: ms }, or use another path. ` +
      `Do not delete ${name}.lock.`;
  return new LockedError(
    `${what} "${path}" is locked${who}\nThis is PID ${self().pid} and it asked ` +
      `for ${mode === "shared" ? "a shared" : "an exclusive"} lock; waited ` +
      `${Math.round(waitedMs)} ms.\n${todo}`,
    holders,
  );
}

/** A line about each, and how many there are more. */
export function linesAbout(holders: Holder[], thread = ""): string[] {
  const lines = [...new Set(holders.map((one) => describe(one, thread)))];
  const cut = lines.splice(MOST_LINES).length;
  return cut > 0 ? [...lines, `and ${cut} more`] : lines;
}

/** One line about a holder; of this process, in a `thread`. */
export function describe(holder: Holder, thread = ""): string {
  const { pid, app, command, ppid, purpose, host, pidNamespace } = holder;
  const where = typeof host === "string"
    ? ` on ${printable(host)}`
    : pidNamespace === "other"
    ? " in another PID namespace"
    : pid === self().pid
    ? `, which is this process${thread}`
    : "";
  const today = new Date().toISOString().slice(0, 11);
  const since = holder.acquiredAt?.replace(today, "").replace(/\.\d+Z$/, "Z");
  const state = pidNamespace === "own" && processStat(pid)?.state;
  const facts = [
    app,
    command,
    ppid && `parent ${ppid}`,
    since && `since ${since}`,
    purpose && `"${purpose}"`,
    state === "T" && `stopped: kill -CONT ${pid}`,
    state === "t" && "held by a debugger",
  ].flatMap((fact) => fact ? printable(fact) : []);
  const known = facts.length > 0 ? ` (${facts.join(", ")})` : "";
  return `PID ${pid}${where}${known}`;
}

export function advice(holders: Holder[]): string {
  const pids = new Set(holders.map(({ pid }) => pid));
  if (pids.size === 0) return "Find the process that has it open";
  if (pids.size > 1) return "Stop those processes";
  return pids.has(self().pid) && holders[0]?.pidNamespace !== "other"
    ? "Hand the work to the thread that holds it"
    : "Stop that process";
}
