/**
 * Words of unknown origin (records, paths, command lines), made fit for a
 * terminal: as text, and as JSON.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";
import { legible, printable } from "../printable.ts";

const LONGEST = 5000;

/** A report whose every word can be printed. */
export function printableReport(report: Report): Report {
  return walk(report) as Report;
}

/** Several lines, each of which can be printed. */
export function printableLines(text: string): string {
  return text.split("\n").map((line) => printable(line, LONGEST)).join("\n");
}

/** JSON with `\u` for what cannot be printed: the same to whoever parses it. */
export function jsonText(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(
    /[^\x20-\x7e\n]/gu,
    (character) =>
      printable(character) === character ? character : escaped(character),
  );
}

/**
 * Says what went wrong.
 *
 * @param code Of an error of litelatch.
 * @param line Prints JSON, where that was asked for.
 */
export function tellFailure(
  message: string,
  code: string | null,
  line: ((text: string) => void) | null,
  complain: (line: string) => void,
): void {
  // Also what was typed: the password of a URL that was taken for a path.
  const said = legible(message, code ?? undefined);
  if (line === null) complain(printableLines(said));
  else line(jsonText({ error: { code, message: said } }, 0));
}

function escaped(character: string): string {
  return character.split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

function walk(value: unknown): unknown {
  if (typeof value === "string") return printable(value, LONGEST);
  if (Array.isArray(value)) return value.map(walk);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, walk(one)]),
  );
}
