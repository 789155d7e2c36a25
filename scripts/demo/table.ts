/**
 * The outcomes side by side, in 80 columns.
 *
 * @module
 */

import type { Outcome } from "./storm.ts";

const LABEL_WIDTH = 31;
const COLUMN_WIDTH = 16;

type Paint = (text: string, good: boolean) => string;

/** One line per measure, one column per way. */
export function table(outcomes: readonly Outcome[], paint: Paint): string[] {
  const row = (
    label: string,
    show: (outcome: Outcome) => string,
    isGood?: (outcome: Outcome) => boolean,
  ) =>
    label.padEnd(LABEL_WIDTH) + outcomes.map((outcome) => {
      const cell = show(outcome).padStart(COLUMN_WIDTH);
      return isGood === undefined ? cell : paint(cell, isGood(outcome));
    }).join("");

  return [
    row("", ({ way }) => way.heading[0]),
    row("", ({ way }) => way.heading[1]),
    "─".repeat(LABEL_WIDTH + COLUMN_WIDTH * outcomes.length),
    row("commits acknowledged", (o) => count(o.acknowledged)),
    row(
      "commits found in the file",
      (o) => count(o.found.commits),
      (o) => o.found.lost === 0 && o.found.commits === o.acknowledged,
    ),
    row(
      'failures: "database is locked"',
      (o) => count(o.refusals),
      (o) => o.refusals === 0,
    ),
    row(
      "transactions given up",
      (o) => count(failed(o)),
      (o) => failed(o) === 0,
    ),
    row("wait, p50", (o) => milliseconds(quantile(o, 0.5))),
    row("wait, p99", (o) => milliseconds(quantile(o, 0.99))),
    row("wait, longest", (o) => milliseconds(quantile(o, 1))),
    row("WAL size at the end", (o) => mebibytes(o.walSize)),
  ];
}

/** Transactions that were tried until the deadline, and not committed. */
export function failed({ transactions, acknowledged }: Outcome): number {
  return transactions - acknowledged;
}

/** The wait that a share of the transactions did not exceed. */
export function quantile({ waits }: Outcome, share: number): number {
  return waits[Math.max(0, Math.ceil(waits.length * share) - 1)] ?? 0;
}

/** 1234567 as `1,234,567`. */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** With the digits that matter. */
export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
