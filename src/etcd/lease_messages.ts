/**
 * What is said of a lease that others hold, and of one that was lost.
 *
 * @module
 */

import { LockedError } from "../errors.ts";
import { linesAbout } from "../lock/refusal.ts";
import type { LockMode } from "../options.ts";
import { hostName } from "../os/host.ts";
import { self } from "../os/process.ts";
import type { Company } from "./lease_queue.ts";
import type { Moment, Over } from "./lease_term.ts";
import { printable } from "../printable.ts";

const MOST_OF_A_NAME = 200;

/** Why a lease is lost. */
export type Loss =
  | Over
  | "revoked" // etcd does not have the lease any more
  | "deleted"; // etcd has the lease, but not our key

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
  const lines = linesAbout(holders);
  const isExclusive = holders.some((holder) => holder.mode === "exclusive");
  const who = lines.length === 0
    ? "taken, and its holder is unknown."
    : `held ${isExclusive ? "exclusively" : "shared"} by` +
      (lines.length === 1 ? ` ${lines[0]}.` : `:\n  ${lines.join("\n  ")}`);
  const host = hostName();
  const others = `${waiting}${more ? " or more" : ""}`;
  const queue = waiting === 0
    ? ""
    : ` ${others} ${others === "1" ? "other waits" : "others wait"} for it.`;
  return new LockedError(
    `Lease "${printable(name, MOST_OF_A_NAME)}" is ${who}\n` +
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

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
