/**
 * What a lease says about its holder, as the value of its key.
 *
 * @module
 */

import type { Holder, LockMode } from "../options.ts";
import { hostName } from "../os/host.ts";
import { isAlive, self } from "../os/process.ts";
import { type Json, parseObject } from "./json_shapes.ts";
import { printable } from "../printable.ts";

const MOST_OF_A_WORD = 200;

/** What is told about us. */
export function ownRecord(
  mode: LockMode,
  app: string | null,
  purpose: string | null,
): string {
  const { pid, ppid, startToken, bootId, pidNamespace, command, runtime } =
    self();
  return JSON.stringify({
    v: 1,
    ...{ pid, ppid, startToken, bootId, pidNamespace, command, runtime },
    mode,
    app,
    purpose,
    acquiredAt: new Date().toISOString(),
    host: hostName(),
  });
}

/**
 * Who is behind a key, by what its value says; `null` where that is no record.
 *
 * @param mode What the key holds, whatever its value says.
 */
export function readHolder(text: string, mode: LockMode): Holder | null {
  const fields = parseObject(text);
  const pid = pidOf(fields?.["pid"]);
  if (fields === null || pid === null) return null;
  const word = (key: string): string | null => wordOf(fields, key);
  const bootId = word("bootId");
  const host = word("host");
  const identity = {
    pid,
    startToken: word("startToken"),
    bootId,
    pidNamespace: word("pidNamespace"),
  };
  const isHere = bootId === self().bootId &&
    (bootId !== null || (host !== null && host === hostName()));
  return {
    pid,
    ppid: pidOf(fields["ppid"]),
    app: word("app"),
    purpose: word("purpose"),
    command: word("command"),
    runtime: word("runtime"),
    mode,
    acquiredAt: timeOf(word("acquiredAt")),
    // A PID of another host says nothing about the processes of this one.
    alive: isHere ? isAlive(identity) : null,
    pidNamespace: isHere ? namespaceOf(identity.pidNamespace) : null,
    host,
  };
}

/** Namespaces are numbered alike on every host, so only for one of ours. */
function namespaceOf(theirs: string | null): Holder["pidNamespace"] {
  const own = self().pidNamespace;
  if (own === null || theirs === null) return null;
  return own === theirs ? "own" : "other";
}

/** Whoever may write the key may write anything, and it is shown to others. */
function wordOf(fields: Json, key: string): string | null {
  const value = fields[key];
  return typeof value === "string" && value !== ""
    ? printable(value, MOST_OF_A_WORD)
    : null;
}

function pidOf(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) > 0
    ? value as number
    : null;
}

function timeOf(text: string | null): string | null {
  return text !== null && /^\d{4}-\d\d-\d\dT[\d:.]{5,20}Z$/.test(text)
    ? text
    : null;
}
