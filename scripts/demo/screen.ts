/**
 * Shows progress: in place on a terminal, as plain lines in a pipe.
 *
 * @module
 */

import process from "node:process";
import type { Progress, Way } from "./storm.ts";
import { count } from "./table.ts";

const BAR_WIDTH = 16;
const CLEAR = "\r\x1b[K";

/** Follows one storm. */
export interface Follower {
  show(progress: Progress): void;
}

/** Starts the line, or lines, of one way. */
export function follow(way: Way, rounds: number): Follower {
  const name = way.heading.join(" ").padEnd(21);
  const inPlace = process.stdout.isTTY === true &&
    process.env["TERM"] !== "dumb";
  // A quarter at a time is enough for a log.
  const stride = Math.ceil(rounds / 4);
  return {
    show({ round, acknowledged, refusals }) {
      const text = round === 0
        ? `${name} nine processes start …`
        : `${name} ${bar(round / rounds)} ${
          String(round).padStart(String(rounds).length)
        }/${rounds}  ${count(acknowledged).padStart(5)} commits, ${
          count(refusals)
        } failures`;
      if (inPlace) {
        const columns = process.stdout.columns || 80;
        const end = round === rounds ? "\n" : "";
        process.stdout.write(CLEAR + text.slice(0, columns - 1) + end);
      } else if (round % stride === 0 || round === rounds) {
        if (round > 0) console.log(text);
      }
    },
  };
}

/** Leaves a line that is half drawn, before something else is said. */
export function leaveLine(): void {
  if (process.stdout.isTTY === true) process.stdout.write(CLEAR);
}

function bar(share: number): string {
  const full = Math.round(share * BAR_WIDTH);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}
