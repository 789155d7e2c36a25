/**
 * Writes to the log that the judge reads.
 *
 * @module
 */

import { closeSync, openSync, writeSync } from "node:fs";

/** The log, open for appending. */
export interface Log {
  /** One line, one write(2). */
  say(...words: readonly (string | number)[]): void;
  /** A refusal; `step` says where it came. */
  refusal(
    words: readonly (string | number)[],
    error: unknown,
    step?: string,
  ): void;
  close(): void;
}

/** Opens the log in the name of one process. */
export function openLog(path: string, id: string): Log {
  const file = openSync(path, "a", 0o666);
  const say = (...words: readonly (string | number)[]) => {
    const line = `${id} ${words.join(" ").replaceAll("\n", " ")}\n`;
    const written = writeSync(file, line);
    if (written !== line.length) throw new Error("the log took half a line");
  };
  return {
    say,
    refusal: (words, error, step = "") =>
      say(...words, codeOf(error), step, textOf(error)),
    close: () => closeSync(file),
  };
}

/** ASCII only, so that a line has as many bytes as characters. */
function textOf(error: unknown): string {
  const text = error instanceof Error
    ? `${error.name}: ${error.message}`
    : String(error);
  return text.replaceAll(/[^ -~]+/g, " ").slice(0, 400);
}

/** One word for an error: ours, SQLite's or the system's. */
function codeOf(error: unknown): string {
  const { code, errcode, errno, name } = error as {
    code?: unknown;
    errcode?: unknown;
    errno?: unknown;
    name?: unknown;
  };
  if (typeof code === "string" && code.startsWith("LITELATCH_")) return code;
  const native = typeof errcode === "number"
    ? errcode
    : name === "SQLiteError" && typeof errno === "number"
    ? errno
    : null;
  if (native !== null) return `SQLITE_${native & 0xff}`;
  if (typeof code === "string") return code;
  return typeof name === "string" && name !== "" ? name : "unknown";
}
