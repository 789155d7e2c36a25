/**
 * The text of a pidfile: who holds a lock.
 *
 * The first line is the PID, so that `head -1` and `pgrep -F` work; the second
 * is one JSON object. Copies of different versions meet on one database, so a
 * missing key is `null` and an unknown one is ignored.
 *
 * @module
 */

import type { LockMode } from "../options.ts";
import type { ProcessIdentity } from "../os/process.ts";
import { printable } from "../printable.ts";

/** What a pidfile says. */
export interface HolderRecord extends ProcessIdentity {
  ppid: number | null;
  mode: LockMode;
  app: string | null;
  purpose: string | null;
  command: string | null;
  runtime: string | null;
  acquiredAt: string | null;
  /** Random, so that a holder removes only its own. */
  id: string | null;
  /** `dev:ino` of the lock file whose kernel lock this record speaks of. */
  sidecar: string | null;
}

const FORM = '{"v":1,';

/** Writes a record as text. */
export function formatRecord(record: HolderRecord): string {
  const { app, purpose } = record;
  return `${record.pid}\n${
    JSON.stringify({
      v: 1,
      ...record,
      // A record of more than 64 KiB would never be read again.
      app: app === null ? null : printable(app),
      purpose: purpose === null ? null : printable(purpose),
    })
  }\n`;
}

/**
 * Whether a text is a record, or what a kill or a full disk left of one. What
 * is not (a daemon's pidfile, a note) is never removed.
 */
export function isOurForm(text: string): boolean {
  return /^\d{0,10}(?:\n(?:\{.*)?)?$/s.test(text) &&
    !/^\d{1,10}\n?$/.test(text) && (text.includes(FORM) ||
      FORM.startsWith(text.slice(text.indexOf("\n") + 1)));
}

/** Reads a record; `null` for anything that is none of ours. */
export function parseRecord(text: string, mode: LockMode): HolderRecord | null {
  const fields = parseObject(text.slice(text.indexOf("\n") + 1));
  const pid = Number(/^(\d{1,10})\n/.exec(text)?.[1]);
  if (fields?.["v"] === undefined) return null;
  // A larger one is no PID: kill(2) takes an int.
  if (!(pid > 0 && pid <= 0x7fffffff)) return null;
  const word = (key: string): string | null => {
    const value = fields[key];
    return typeof value === "string" ? printable(value) : null;
  };
  return {
    pid,
    ppid: typeof fields["ppid"] === "number" ? fields["ppid"] : null,
    mode: fields["mode"] === "shared" || fields["mode"] === "exclusive"
      ? fields["mode"]
      : mode,
    app: word("app"),
    purpose: word("purpose"),
    command: word("command"),
    runtime: word("runtime"),
    startToken: word("startToken"),
    bootId: word("bootId"),
    pidNamespace: word("pidNamespace"),
    acquiredAt: word("acquiredAt"),
    id: word("id"),
    sidecar: word("sidecar"),
  };
}

function parseObject(text: string): { [key: string]: unknown } | null {
  if (!text.startsWith("{")) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
