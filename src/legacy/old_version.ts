/**
 * The refusal of a lock that an older version holds, and how sure it is.
 *
 * @module
 */

import { LitelatchError, LockedError } from "../errors.ts";
import { advice, describe } from "../lock/refusal.ts";
import type { Holder, OldVersion } from "../options.ts";
import { now } from "../os/clock.ts";
import { self } from "../os/process.ts";
import { commandOf, processStat } from "../os/procfs.ts";
import { printable } from "../printable.ts";
import type { Claim } from "./old_lock.ts";
import { type Fate, isThisHost } from "./old_owner.ts";

/** Who is in the way, and where that is said. */
export interface OldHolder {
  path: string;
  /** `null` where its lock does not say. */
  holder: Holder | null;
}

/** The holder that an old lock names. */
export function holderOf({ pid, host }: Claim, fate: Fate): Holder {
  const isHere = fate === "alive";
  return {
    pid,
    ppid: isHere ? processStat(pid)?.ppid ?? null : null,
    app: null,
    purpose: null,
    command: isHere ? commandOf(pid) : null,
    runtime: null,
    mode: "exclusive",
    acquiredAt: null,
    alive: isHere ? true : null,
    pidNamespace: isHere ? "own" : null,
    host: isThisHost(host) === false ? host : null,
  };
}

// While ours come and go, a PID may stand there for a moment that has no record
// any more, and looks like an old version's.
const DOUBT_MS = 50;
const LEAST_SIGHTINGS = 5;

/** Counts how often the same holder was seen. */
export class Sightings {
  #key = "";
  #since = 0;
  #times = 0;

  /** Notes one more sighting. */
  note(target: string, old: OldHolder): OldVersion {
    const key = `${old.holder?.pid} ${old.path}`;
    if (key !== this.#key) {
      this.#key = key;
      this.#since = now();
      this.#times = 0;
    }
    this.#times++;
    return {
      isCertain: this.#times >= LEAST_SIGHTINGS &&
        now() - this.#since >= DOUBT_MS,
      error: (waitedMs) => refusal(target, old, waitedMs),
    };
  }
}

function refusal(
  target: string,
  { path, holder }: OldHolder,
  waitedMs: number,
): LockedError {
  const who = holder === null
    ? "a process of an older version, which left no PID"
    : `${describe(holder)}, of an older version`;
  const holders = holder === null ? [] : [holder];
  return new LockedError(
    `"${printable(target, 1000)}" is locked exclusively by ${who}: its lock ` +
      `is "${printable(path, 1000)}".\nThis is PID ${self().pid}; waited ${
        Math.round(waitedMs)
      } ms.\n${advice(holders)}, or wait for it with { wait: ms }.`,
    holders,
  );
}

/** The error of a legacy path where there is something else than a lock. */
export function foreignError(
  target: string,
  path: string,
  what: string,
): LitelatchError {
  return new LitelatchError(
    "LITELATCH_OPEN",
    `Cannot lock "${target}": the legacy path "${path}" must lead to the lock ` +
      "of an older version (a PID, JSON with a pid, an empty file, or the " +
      `empty folder of proper-lockfile), but it is ${what}; it was not touched`,
  );
}
