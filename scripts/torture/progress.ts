/**
 * Shows progress: in place on a terminal, a line now and then in a pipe.
 *
 * @module
 */

import process from "node:process";
import { painter } from "../colours.ts";
import type { Result } from "./run.ts";
import { COUNTS } from "./storm.ts";

const CLEAR = "\r\x1b[K";
const PIPE_SECONDS = 10;

/** What `run()` calls. */
export type Show = (result: Result, elapsed: number, over: boolean) => void;

/** Starts to show. */
export function startProgress(): Show {
  const paint = painter();
  const inPlace = process.stdout.isTTY === true &&
    process.env["TERM"] !== "dumb";
  let next = PIPE_SECONDS;
  return (result, elapsed, over) => {
    const text = line(result, elapsed);
    if (over) {
      const good = result.breaches.length === 0;
      const mark = paint(good ? 32 : 31, good ? "ok    " : "FAILED");
      process.stdout.write(`${inPlace ? CLEAR : ""}  ${mark}  ${text}\n`);
      next = PIPE_SECONDS;
    } else if (inPlace) {
      const columns = process.stdout.columns || 80;
      process.stdout.write(
        CLEAR + `  …       ${text}`.slice(0, columns - 1),
      );
    } else if (elapsed >= next) {
      next += PIPE_SECONDS;
      process.stdout.write(`  …       ${text}\n`);
    }
  };
}

function line({ storm, counts }: Result, elapsed: number): string {
  const numbers = COUNTS
    .filter((count) => counts[count] > 0)
    .map((count) => `${counts[count].toLocaleString("en-US")} ${count}`);
  const seconds = `${Math.round(elapsed)} s`;
  return [`${storm.name.padEnd(10)} ${seconds.padStart(6)}`, ...numbers]
    .join("  ");
}
