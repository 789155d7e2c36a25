/**
 * What is left to read when all is over.
 *
 * @module
 */

import type { Breach, Result } from "./run.ts";
import { COUNTS } from "./storm.ts";

const LABEL = 11;
const WIDTHS = [8, 14, 10, 8, 15, 13];
// One wrong step can break a promise a thousand times.
const MOST_SENTENCES = 5;

/** The table, the outcomes and the breaches, as lines. */
export function report(results: readonly Result[], seed: number): string[] {
  return [
    ...table(results),
    "",
    ...outcomes(results),
    ...results.flatMap(({ storm, breaches }) => told(storm.name, breaches)),
    `Seed ${seed}`,
  ];
}

function table(results: readonly Result[]): string[] {
  const row = (label: string, cells: readonly string[]) =>
    label.padEnd(LABEL) +
    cells.map((cell, i) => cell.padStart(WIDTHS[i] ?? 0)).join("");
  const played = results.filter(({ skipped }) => skipped === null);
  const sums = COUNTS.map((count) =>
    played.reduce((sum, { counts }) => sum + counts[count], 0)
  );
  const width = LABEL + WIDTHS.reduce((sum, width) => sum + width, 0);
  return [
    row("", COUNTS),
    "─".repeat(width),
    ...played.map(({ storm, counts }) =>
      row(storm.name, COUNTS.map((count) => number(counts[count])))
    ),
    "─".repeat(width),
    row("all", sums.map(number)),
  ];
}

function outcomes(results: readonly Result[]): string[] {
  return results.flatMap(({ storm, skipped, outcomes, episodes, seconds }) => {
    if (skipped !== null) return [`${storm.name}: skipped, ${skipped}`, ""];
    const times = episodes === 1 ? "1 episode" : `${episodes} episodes`;
    return [
      `${storm.name}: ${storm.about}`,
      `  ${times} in ${Math.round(seconds)} s`,
      ...[...outcomes].sort(([a], [b]) => a < b ? -1 : 1)
        .map(([text, times]) => `  ${number(times)} × ${text}`),
      "",
    ];
  });
}

function told(name: string, breaches: readonly Breach[]): string[] {
  const folders = new Map<string, Breach[]>();
  for (const breach of breaches) {
    folders.set(breach.folder, [...folders.get(breach.folder) ?? [], breach]);
  }
  return [...folders].flatMap(([folder, breaches]) => [
    `BROKEN in ${name}:`,
    ...breaches.slice(0, MOST_SENTENCES).map(({ sentence }) => `  ${sentence}`),
    ...breaches.length > MOST_SENTENCES
      ? [`  and ${breaches.length - MOST_SENTENCES} more`]
      : [],
    `  kept in ${folder}`,
    `  once more: ${breaches[0]?.command}`,
    "",
  ]);
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
