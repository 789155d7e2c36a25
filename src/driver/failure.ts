/**
 * Reads SQLite's result code off the errors of every driver.
 *
 * @module
 */

/** Primary result codes, https://sqlite.org/rescode.html. */
export const SQLITE = {
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
  BUSY_SNAPSHOT: 517,
} as const;

// Deno's exec() throws errors that carry nothing but sqlite3_errmsg's text,
// and better-sqlite3 names codes instead of numbering them.
const MESSAGES: [RegExp, number][] = [
  [/^database is locked/, SQLITE.BUSY],
  [/^database (?:table|schema) is locked/, SQLITE.LOCKED],
  [/^attempt to write a readonly database/, SQLITE.READONLY],
  [/^database or disk is full/, SQLITE.FULL],
  [/^disk I\/O error/, SQLITE.IOERR],
  [/^unable to open database file/, SQLITE.CANTOPEN],
  [/^file is not a database/, SQLITE.NOTADB],
];

/** The extended result code of an error; `null` if SQLite did not make it. */
export function resultCode(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const { errcode, errno, code } = error as {
    errcode?: unknown;
    errno?: unknown;
    code?: unknown;
  };
  if (typeof errcode === "number") return errcode;
  const named = typeof code === "string" && code.startsWith("SQLITE_");
  if (named && typeof errno === "number") return errno;
  if (code === "SQLITE_BUSY_SNAPSHOT") return SQLITE.BUSY_SNAPSHOT;
  if (named) {
    const primary = /^SQLITE_([A-Z]+)/.exec(String(code))?.[1] ?? "";
    return (SQLITE as Record<string, number>)[primary] ?? null;
  }
  return MESSAGES.find(([words]) => words.test(error.message))?.[1] ?? null;
}

/** Whether an error is SQLITE_BUSY or one of its extended codes. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE.BUSY;
}

/** The primary result code of an error; `null` if SQLite did not make it. */
export function primaryCode(error: unknown): number | null {
  const code = resultCode(error);
  return code === null ? null : code & 0xff;
}
