/**
 * Whether stdout shows colours.
 *
 * @module
 */

import process from "node:process";

/** https://no-color.org: set and not empty means none. */
function usesColours(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return process.stdout.isTTY === true && !NO_COLOR && TERM !== "dumb";
}

/** Paints with an SGR code such as 1 for bold, where colours are used. */
export function painter(): (code: number, text: string) => string {
  const colours = usesColours();
  return (code, text) => colours ? `\x1b[${code}m${text}\x1b[0m` : text;
}
