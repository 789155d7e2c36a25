/**
 * The words of a refusal, and of a loss.
 *
 * @module
 */

import { LockedError } from "../errors.ts";
import { describe } from "../lock/refusal.ts";
import type { Holder, LockMode } from "../options.ts";
import { hostName } from "../os/host.ts";
import { self } from "../os/process.ts";
import type { Moment, Over } from "./term.ts";

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
  const lost = `The lease "${name}" is lost: `;
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
export function refusal(
  name: string,
  mode: LockMode,
  holders: Holder[],
  waiting: number,
  waitedMs: number,
): LockedError {
  const exclusively = holders.some((holder) => holder.mode === "exclusive");
  const who = holders.length === 0
    ? `Lease "${name}" is taken, and its holder is unknown.`
    : holders.length === 1
    ? `Lease "${name}" is held ${exclusively ? "exclusively" : "shared"} by ${
      describe(holders[0] as Holder)
    }.`
    : `Lease "${name}" is held shared by:\n${
      holders.map((holder) => `  ${describe(holder)}`).join("\n")
    }`;
  const host = hostName();
  const queue = waiting === 0
    ? ""
    : ` ${waiting} ${waiting === 1 ? "other waits" : "others wait"} for it.`;
  return new LockedError(
    `${who}\n` +
      `This is PID ${self().pid}${host === null ? "" : ` on ${host}`} and it ` +
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
