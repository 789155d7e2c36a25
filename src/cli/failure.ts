/**
 * What went wrong, in words or in JSON.
 *
 * @module
 */

import { jsonText, printableLines } from "./safe_text.ts";

/**
 * Says it.
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
  if (line === null) complain(printableLines(message));
  else line(jsonText({ error: { code, message } }, 0));
}
