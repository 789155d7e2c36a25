/**
 * The words of a refusal: who holds it, who asked, what to do.
 *
 * @module
 */

import { LockedError } from "../errors.ts";
import type { Holder } from "../options.ts";
import { self } from "../os/process.ts";
import type { Ask } from "./claim.ts";

/** The error of a lock that others hold. */
export function refusal(
  what: string,
  ask: Ask,
  holders: Holder[],
  waitedMs: number,
): LockedError {
  const { path, name } = ask.target;
  const mode = holders.some((holder) => holder.mode === "exclusive")
    ? "exclusively"
    : "by shared holders";
  const who = holders.length === 0
    ? `${what} "${path}" is locked, and its holder is unknown: ` +
      "it left no record that can be read from here."
    : holders.length === 1
    ? `${what} "${path}" is locked ${
      mode === "exclusively" ? "exclusively" : "shared"
    } by ${describe(holders[0] as Holder)}.`
    : `${what} "${path}" is locked ${mode}:\n${
      holders.map((holder) => `  ${describe(holder)}`).join("\n")
    }`;
  // A record outlives a holder that is killed, and one of them holds for sure.
  const doubt = holders.length > 1 &&
      holders.some((holder) => holder.alive === null)
    ? "\nSome of them may have ended: from here that cannot be seen."
    : "";
  return new LockedError(
    `${who}${doubt}\n${asked(ask, waitedMs)}\n` +
      `${advice(holders)}, wait for it with { wait: ms }, or use another ` +
      `path. Do not delete ${name}.lock.`,
    holders,
  );
}

/** The error of a lock whose sidecar was deleted under its holder. */
export function replaced(
  what: string,
  ask: Ask,
  holders: Holder[],
): LockedError {
  const { path, name } = ask.target;
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
export function otherMode(what: string, ask: Ask, holder: Holder): LockedError {
  return new LockedError(
    `${what} "${ask.target.path}" is locked ${adverb(holder.mode)} by ${
      describe(holder)
    }.\n` +
      `It asked for ${article(ask.mode)} lock besides.\n` +
      "Release the first one, or ask for the same mode.",
    [holder],
  );
}

/** One line about a holder. */
export function describe(holder: Holder): string {
  const { pid, app, command, ppid, acquiredAt, purpose } = holder;
  const facts = [
    app,
    command,
    ppid === null ? null : `parent ${ppid}`,
    acquiredAt === null ? null : `since ${since(acquiredAt)}`,
    purpose === null ? null : `"${purpose}"`,
  ].filter((fact) => fact !== null);
  const name = typeof holder.host === "string"
    ? `PID ${pid} on ${holder.host}`
    : holder.pidNamespace === "other"
    ? `PID ${pid} in another PID namespace`
    : pid === self().pid
    ? `PID ${pid}, which is this process`
    : `PID ${pid}`;
  return facts.length === 0 ? name : `${name} (${facts.join(", ")})`;
}

/** Who asked, and for how long. */
export function asked(ask: Ask, waitedMs: number): string {
  return `This is PID ${self().pid} and it asked for ${
    article(ask.mode)
  } lock; waited ${Math.round(waitedMs)} ms.`;
}

/** What to do about holders. */
export function advice(holders: Holder[]): string {
  if (holders.length === 0) return "Find the process that has it open";
  return holders.length === 1 ? "Stop that process" : "Stop those processes";
}

function article(mode: string): string {
  return mode === "exclusive" ? "an exclusive" : "a shared";
}

function adverb(mode: string): string {
  return mode === "exclusive" ? "exclusively" : "shared";
}

/** The time alone for today, the date as well for any other day. */
function since(iso: string): string {
  const time = iso.replace(/\.\d+Z$/, "Z");
  const today = new Date().toISOString().slice(0, 11);
  return time.startsWith(today) ? time.slice(11) : time;
}
