/**
 * What a lease says about its holder, as the value of its key.
 *
 * @module
 */

import { parseRecord } from "../lock/record.ts";
import { toHolder } from "../lock/pidfiles.ts";
import type { Holder, LockMode } from "../options.ts";
import { hostName } from "../os/host.ts";
import { self } from "../os/process.ts";

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

/** Who is behind a key; `null` where its value is none of ours. */
export function readHolder(text: string, mode: LockMode): Holder | null {
  const record = parseRecord(text, mode);
  if (record === null) return null;
  const holder = { ...toHolder(record), host: hostOf(text) };
  // Namespaces are numbered alike on every host.
  if (record.bootId === null || record.bootId !== self().bootId) {
    holder.pidNamespace = null;
  }
  return holder;
}

function hostOf(text: string): string | null {
  try {
    const { host } = JSON.parse(text) as { host?: unknown };
    if (typeof host !== "string") return null;
    // It ends up in a terminal.
    return host.slice(0, 200).replace(/[^\w.:-]/g, "?");
  } catch {
    return null;
  }
}
