/**
 * The words of a refusal: who holds it, who asked, what to do.
 *
 * @module
 */

import { LockedError } from "../errors.ts";
import type { Holder, LockMode } from "../options.ts";
import type { Location } from "../os/paths.ts";
import { inWorker, self } from "../os/process.ts";
import { processStat } from "../os/procfs.ts";
import { printable } from "../printable.ts";

/** Who asked for what. */
export interface Asked {
  /** How the target is called: `Database`, `Folder`, `File`. */
  what: string;
  target: Location;
  mode: LockMode;
}

const MOST_LINES = 10;

/** The error of a lock that others hold. */
export function refused(
  { what, target, mode }: Asked,
  holders: Holder[],
  waitedMs: number,
): LockedError {
  const { path, name } = target;
  const held = holders.some((holder) => holder.mode === "exclusive")
    ? "exclusively"
    : "shared";
  const lines = [...new Set(holders.map(describe))];
  const cut = lines.length - MOST_LINES;
  if (cut > 0) lines.splice(MOST_LINES, cut, `and ${cut} more`);
  const who = holders.length === 0
    ? `${what} "${path}" is locked, and its holder is unknown: it left no ` +
      "record that can be read from here."
    : lines.length === 1
    ? `${what} "${path}" is locked ${held} by ${lines[0]}.`
    : `${what} "${path}" is locked ${
      held === "shared" ? "by shared holders" : held
    }:\n${lines.map((line) => `  ${line}`).join("\n")}`;
  // A record outlives a holder that is killed, and one of them holds for sure.
  const doubt = lines.length > 1 && holders.some(({ alive }) => alive === null)
    ? "\nSome of them may have ended: from here that cannot be seen."
    : "";
  return new LockedError(
    `${who}${doubt}\n${asked(mode, waitedMs)}\n` +
      `${advice(holders)}, wait for it with { wait: ms }, or use another ` +
      `path. Do not delete ${name}.lock.`,
    holders,
  );
}

/** The error of a lock whose lock file was deleted under its holder. */
export function replaced(
  { what, target: { path, name } }: Asked,
  holders: Holder[],
): LockedError {
  return new LockedError(
    `${what} "${path}" is still locked by ${
      holders.map(describe).join(", ")
    }, although ${name}.lock was deleted or replaced while it was held.\n` +
      `This is PID ${self().pid}, and it let the new ${name}.lock go again.\n` +
      `${advice(holders)}. The next start puts everything right; do not ` +
      `delete ${name}.lock.`,
    holders,
  );
}

/** The error of a lock that this very thread holds in another mode. */
export function otherMode(
  { what, target, mode }: Asked,
  holder: Holder,
): LockedError {
  return new LockedError(
    `${what} "${target.path}" is locked ${
      holder.mode === "exclusive" ? "exclusively" : "shared"
    } by ${describe(holder)}.\n` +
      `It asked for ${article(mode)} lock besides.\n` +
      "Release the first one, or ask for the same mode.",
    [holder],
  );
}

/** One line about a holder. */
export function describe(holder: Holder): string {
  const { pid, app, command, ppid, acquiredAt, purpose } = holder;
  const isStopped = holder.pidNamespace === "own" &&
    processStat(pid)?.state === "T";
  const facts = [
    app,
    command,
    ppid === null ? null : `parent ${ppid}`,
    acquiredAt === null ? null : `since ${since(acquiredAt)}`,
    purpose === null ? null : `"${purpose}"`,
    isStopped ? `stopped: kill -CONT ${pid}` : null,
  ].filter((fact) => fact !== null).map((fact) => printable(fact));
  const name = typeof holder.host === "string"
    ? `PID ${pid} on ${printable(holder.host)}`
    : holder.pidNamespace === "other"
    ? `PID ${pid} in another PID namespace`
    : pid !== self().pid
    ? `PID ${pid}`
    : inWorker()
    ? `PID ${pid}, which is this process, in another thread`
    : `PID ${pid}, which is this process`;
  return facts.length === 0 ? name : `${name} (${facts.join(", ")})`;
}

/** Who asked, and for how long. */
export function asked(mode: LockMode, waitedMs: number): string {
  return `This is PID ${self().pid} and it asked for ${
    article(mode)
  } lock; waited ${Math.round(waitedMs)} ms.`;
}

/** What to do about holders. */
export function advice(holders: Holder[]): string {
  const pids = new Set(holders.map(({ pid }) => pid));
  if (pids.size === 0) return "Find the process that has it open";
  if (pids.size > 1) return "Stop those processes";
  return pids.has(self().pid) && holders[0]?.pidNamespace !== "other"
    ? "Hand the work to the thread that holds it"
    : "Stop that process";
}

function article(mode: LockMode): string {
  return mode === "exclusive" ? "an exclusive" : "a shared";
}

/** The time alone for today, the date as well for any other day. */
function since(iso: string): string {
  const time = iso.replace(/\.\d+Z$/, "Z");
  const today = new Date().toISOString().slice(0, 11);
  return time.startsWith(today) ? time.slice(11) : time;
}
