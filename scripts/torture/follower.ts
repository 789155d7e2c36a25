/**
 * Reads the lines that others append to a file.
 *
 * @module
 */

import { closeSync, openSync, readSync } from "node:fs";

/** An open file, read up to some line. */
export interface Follower {
  /** Hands over the lines that have come since. */
  read(): void;
  close(): void;
}

/** Opens the file at its start. */
export function follow(
  path: string,
  onLine: (line: string) => void,
): Follower {
  const file = openSync(path, "r");
  const bytes = new Uint8Array(65536);
  const decoder = new TextDecoder();
  let rest = "";
  return {
    read() {
      for (;;) {
        const length = readSync(file, bytes, 0, bytes.length, null);
        if (length === 0) return;
        rest += decoder.decode(bytes.subarray(0, length), { stream: true });
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onLine(line);
      }
    },
    close: () => closeSync(file),
  };
}
