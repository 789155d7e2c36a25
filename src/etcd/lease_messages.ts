/**
 * What is said of a lease that others hold, and of one that was lost.
 *
 * @module
 */

import { LockedError } from "../errors.ts";
import type { Holder, LockMode } from "../options.ts";
import { hostName } from "../os/host.ts";
import { self } from "../os/process.ts";
import type { Company } from "./lease_queue.ts";
import type { Moment, Over } from "./lease_term.ts";
import { printable } from "../printable.ts";

const MOST_OF_A_NAME = 200;
const MOST_OF_A_LINE = 400;
const MOST_LINES = 10;

/**
 * - `time`: it could not be renewed in time
 * - `clock`: only the wall clock says so
 * - `revoked`: etcd does not have the lease any more
 * - `deleted`: etcd has the lease, but not our key
 */
export type Loss = Over | "revoked" | "deleted";

/** What is known about a loss. */
export interface LossFacts {
  ttl: number;
  /** Since the last renewal. */
  elapsed: Moment;
  /** Why the last attempt failed, if one did. */
  failure: Error | null;
}

/** What was lost, why, and what to do. */
export function lossText(
  name: string,
  loss: Loss,
  { ttl, elapsed, failure }: LossFacts,
): string {
  const lost = `The lease "${printable(name, MOST_OF_A_NAME)}" is lost: `;
  const again = "Stop what needs it, and acquire it again.";
  const ago = `${seconds(elapsed.steady)} after it was last renewed, with a ` +
    `TTL of ${seconds(ttl)}`;
  switch (loss) {
    case "revoked":
      return `${lost}etcd does not know it any more, ${ago}; it ran out ` +
        `there, or somebody revoked it. ${again}`;
    case "deleted":
      return `${lost}somebody deleted its key in etcd. ${again}`;
    case "clock":
      return `${lost}the wall clock says that ${seconds(elapsed.wall)} have ` +
        `passed since it was last renewed, and the steady clock ` +
        `${seconds(elapsed.steady)}; its TTL is ${seconds(ttl)}. The machine ` +
        "was suspended, or its clock was set. " + again +
        " Let NTP slew the clock rather than step it.";
    case "time":
      return `${lost}it could not be renewed in time, ${ago}. ${
        failure === null
          ? "This process was stopped, or blocked its event loop."
          : `The last attempt: ${failure.message}.`
      } ${again}`;
  }
}

/** The error of a lease that others hold. */
export function leaseRefusal(
  name: string,
  mode: LockMode,
  { holders, waiting, more }: Company,
  waitedMs: number,
): LockedError {
  const shown = printable(name, MOST_OF_A_NAME);
  const exclusively = holders.some((holder) => holder.mode === "exclusive");
  const who = holders.length === 0
    ? `Lease "${shown}" is taken, and its holder is unknown.`
    : holders.length === 1
    ? `Lease "${shown}" is held ${exclusively ? "exclusively" : "shared"} by ${
      describe(holders[0] as Holder)
    }.`
    : `Lease "${shown}" is held shared by:\n${listed(holders)}`;
  const host = hostName();
  const others = `${waiting}${more ? " or more" : ""}`;
  const queue = waiting === 0
    ? ""
    : ` ${others} ${others === "1" ? "other waits" : "others wait"} for it.`;
  return new LockedError(
    `${who}\n` +
      `This is PID ${self().pid}${
        host === null ? "" : ` on ${printable(host, MOST_OF_A_NAME)}`
      } and it ` +
      `asked for ${
        mode === "exclusive" ? "an exclusive" : "a shared"
      } lease; ` +
      `waited ${Math.round(waitedMs)} ms.${queue}\n` +
      `${holders.length > 1 ? "Stop those processes" : "Stop that process"}, ` +
      "wait for it with { wait: ms }, or use another name.",
    holders,
  );
}

function listed(holders: Holder[]): string {
  const lines = holders.slice(0, MOST_LINES)
    .map((holder) => `  ${describe(holder)}`);
  const left = holders.length - lines.length;
  if (left > 0) lines.push(`  and ${left} more`);
  return lines.join("\n");
}

/** One line about a holder. */
function describe(holder: Holder): string {
  const { pid, app, command, ppid, acquiredAt, purpose, host } = holder;
  const facts = [
    app,
    command,
    ppid === null ? null : `parent ${ppid}`,
    acquiredAt === null ? null : `since ${since(acquiredAt)}`,
    purpose === null ? null : `"${purpose}"`,
  ].filter((fact) => fact !== null);
  const name = typeof host === "string"
    ? `PID ${pid} on ${host}`
    : `PID ${pid}`;
  return printable(
    facts.length === 0 ? name : `${name} (${facts.join(", ")})`,
    MOST_OF_A_LINE,
  );
}

/** The time alone for today, the date as well for any other day. */
function since(iso: string): string {
  const time = iso.replace(/\.\d+Z$/, "Z");
  const today = new Date().toISOString().slice(0, 11);
  return time.startsWith(today) ? time.slice(11) : time;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
