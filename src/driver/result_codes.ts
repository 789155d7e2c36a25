/** Reads SQLite's result code off the errors of every driver. */

/** Primary result codes, https://sqlite.org/rescode.html. */
export const SQLITE = {
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  PROTOCOL: 15,
  NOTADB: 26,
  BUSY_SNAPSHOT: 517,
} as const;

// All that errors of Deno's exec() carry is sqlite3_errmsg's text.
const MESSAGES: Record<string, number> = {
  "database is locked": SQLITE.BUSY,
  "attempt to write a readonly database": SQLITE.READONLY,
  "disk I/O error": SQLITE.IOERR,
  "database disk image is malformed": SQLITE.CORRUPT,
  "database or disk is full": SQLITE.FULL,
  "unable to open database file": SQLITE.CANTOPEN,
  "locking protocol": SQLITE.PROTOCOL,
  "file is not a database": SQLITE.NOTADB,
};

/**
 * The extended result code of an error; `null` if SQLite did not make it.
 *
 * A text alone proves nothing: a body may throw its own with the same words.
 */
export function resultCode(error: unknown): number | null {
  // By its shape: in Jest and vm contexts it is an Error of another realm.
  const { errcode, errno, code } = (error ?? {}) as Record<string, unknown>;
  if (typeof code !== "string") return null;
  if (code === "ERR_SQLITE_ERROR") {
    if (typeof errcode === "number") return errcode;
    const said = messageOf(error);
    return Object.entries(MESSAGES).find(([text]) => said.startsWith(text))
      ?.[1] ?? null;
  }
  if (!code.startsWith("SQLITE_")) return null;
  if (typeof errno === "number") return errno;
  // better-sqlite3 names codes and does not number them.
  const codes: Record<string, number | undefined> = SQLITE;
  return codes[code.slice(7)] ?? codes[code.split("_")[1] ?? ""] ?? null;
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : String(error);
}

/**
 * Whether waiting may help: SQLITE_BUSY or one of its extended codes, or
 * SQLITE_PROTOCOL, which is the same behind a process that was stopped while it
 * recovered the WAL (https://sqlite.org/rescode.html#protocol).
 */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE.BUSY || code === SQLITE.PROTOCOL;
}

/** The primary result code of an error; `null` if SQLite did not make it. */
export function primaryCode(error: unknown): number | null {
  const code = resultCode(error);
  return code && code & 0xff;
}
