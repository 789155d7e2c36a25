/**
 * What a lease says about its holder, as the value of its key.
 *
 * @module
 */

import { toHolder } from "../lock/holders.ts";
import { recordIn } from "../lock/pidfiles.ts";
import type { Holder, LockMode } from "../options.ts";
import { hostName } from "../os/host.ts";
import { self } from "../os/process.ts";
import { printable } from "../printable.ts";
import { parseObject } from "./json_shapes.ts";

/** What is told about us. */
export function ownRecord(
  mode: LockMode,
  app: string | null,
  purpose: string | null,
): string {
  return JSON.stringify({
    v: 1,
    ...self(),
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
  const pid = fields?.["pid"];
  // As in a pidfile: the PID on a line of its own.
  const line = JSON.stringify(fields);
  const record = Number.isInteger(pid) ? recordIn(`${pid}\n${line}`) : null;
  if (record === null) return null;
  const said = fields?.["host"];
  const host = typeof said === "string" && said !== "" ? printable(said) : null;
  const { bootId } = self();
  const isHere = record.bootId === bootId &&
    (bootId !== null || (host !== null && host === hostName()));
  // A PID of another host says nothing about the processes of this one, and
  // namespaces are numbered alike on every host.
  const unknown = isHere ? {} : { alive: null, pidNamespace: null };
  return { ...toHolder(record), ...unknown, mode, host };
}
