/**
 * `litelatch watch`: again and again, in place on a terminal.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";
import { type Nap, now, sleepAsync } from "../os/clock.ts";
import type { Wishes } from "./arguments.ts";
import { look, lookOrExcuse } from "./cannot_look.ts";
import { jsonText, printableReport } from "./safe_text.ts";
import type { Screen } from "./screen.ts";
import { WaitLog } from "./wait_log.ts";
import { lineOf, pictureOf, tickOf } from "./watch_picture.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_BELOW = "\x1b[J";

/** Looks until it is ended, or `ticks` times. */
export async function watch(wishes: Wishes, screen: Screen): Promise<number> {
  const { path, json, limit, interval, ticks } = wishes;
  const inPlace = screen.terminal && !json;
  const nap: Nap = {};
  let isAsked = false;
  // Ctrl-C and SIGTERM end it, so that the cursor comes back.
  const stop = (): void => {
    isAsked = true;
    nap.end?.();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  const log = new WaitLog();
  let before: { report: Report; at: number } | null = null;
  let height = 0;
  if (inPlace) screen.write(HIDE_CURSOR);
  try {
    for (let tick = 0; tick < ticks && !isAsked; tick++) {
      if (tick > 0) await sleepAsync(interval, nap);
      if (isAsked) break;
      const report = printableReport(
        tick === 0 ? lookOrExcuse(path) : look(path),
      );
      const at = now();
      const numbers = tickOf(report, before, at, limit, log);
      before = { report, at };
      if (json) screen.line(jsonText(numbers, 0));
      else if (!inPlace) screen.line(lineOf(numbers));
      else height = draw(report, numbers, screen, height);
    }
  } finally {
    // A second Ctrl-C must not end us before the cursor is back.
    if (!isAsked) SIGNALS.forEach((signal) => process.off(signal, stop));
    // The terminal has written ^C where the cursor was.
    if (inPlace) screen.write(`\r${CLEAR_BELOW}${SHOW_CURSOR}`);
  }
  return 0;
}

/** Draws over the picture before; one write, so that nothing flickers. */
function draw(
  report: Report,
  numbers: ReturnType<typeof tickOf>,
  screen: Screen,
  height: number,
): number {
  const { columns, rows } = screen;
  const lines = pictureOf(report, numbers, columns, rows);
  // After the window has shrunk, its top lines cannot be reached any more.
  const up = Math.min(height, rows - 1);
  const back = up === 0 ? "" : `\x1b[${up}A`;
  screen.write(`\r${back}${CLEAR_BELOW}${lines.join("\n")}\n`);
  return lines.length;
}
