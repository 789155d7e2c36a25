/**
 * Reads a stream line by line, also the lines that came before anybody asked:
 * Deno's `readline` iterator drops those.
 *
 * @module
 */

import type { Readable } from "node:stream";

/** Returns a function for the next line; `null` when the stream has ended. */
export function linesOf(stream: Readable): () => Promise<string | null> {
  const waiting: string[] = [];
  let rest = "";
  let ended = false;
  let wake = () => {};
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    waiting.push(...lines);
    wake();
  });
  stream.on("close", () => {
    ended = true;
    wake();
  });
  return async () => {
    while (waiting.length === 0 && !ended) {
      await new Promise<void>((resolve) => wake = resolve);
    }
    return waiting.shift() ?? null;
  };
}
