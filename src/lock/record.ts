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

/** What a pidfile says. */
export interface HolderRecord {
  pid: number;
  ppid: number | null;
  mode: LockMode;
  app: string | null;
  purpose: string | null;
  command: string | null;
  runtime: string | null;
  startToken: string | null;
  bootId: string | null;
  pidNamespace: string | null;
  acquiredAt: string | null;
  /** Random, so that a holder removes only its own. */
  id: string | null;
  /** `dev:ino` of the sidecar whose kernel lock this record speaks of. */
  sidecar: string | null;
  /** Whether the holder is a worker, whose locks end before its process. */
  worker: boolean | null;
  /** The `id` of the record of the thread whose lock this thread shares. */
  joins: string | null;
}

/** Writes a record as text. */
export function formatRecord(record: HolderRecord): string {
  return `${record.pid}\n${JSON.stringify({ v: 1, ...record })}\n`;
}

/**
 * Reads a record, tolerantly: a bare PID is one, and so is a line of JSON with
 * a PID. `null` for anything else.
 */
export function parseRecord(text: string, mode: LockMode): HolderRecord | null {
  const [first = "", ...rest] = text.split("\n");
  const fields = parseObject(rest.join("\n")) ?? parseObject(text) ?? {};
  const pid = /^\s*\d{1,10}\s*$/.test(first) ? Number(first) : fields["pid"];
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) {
    return null;
  }
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
    worker: typeof fields["worker"] === "boolean" ? fields["worker"] : null,
    joins: word("joins"),
  };
}

function parseObject(text: string): { [key: string]: unknown } | null {
  if (!text.trimStart().startsWith("{")) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Anybody may have written the file, and it ends up in a terminal. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.slice(0, 200).replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
