/**
 * A plot of waits by their share: the better half takes little room, and each
 * further nine of the share as much as the one before.
 *
 * @module
 */

import { quantile } from "../figures.ts";
import { at, type Kind, line, page, text, WIDTH } from "./page.ts";
import { logarithmic, words } from "./scale.ts";

/** One line of the plot: all that one kind waited. */
export interface Series {
  readonly label: string;
  readonly kind: Kind;
  readonly values: readonly number[];
}

const LEFT = 70;
const RIGHT = WIDTH - 170;
const TOP = 50;
const BOTTOM = 370;
const LABEL_STEP = 17;
const TICKS: [string, number][] = [
  ["0 %", 0],
  ["50 %", 0.5],
  ["90 %", 0.9],
  ["99 %", 0.99],
  ["99.9 %", 0.999],
  ["99.99 %", 0.9999],
];

/** Draws it. */
export function tailPlot(
  { title, axis, series }: {
    title: string;
    axis: string;
    series: readonly Series[];
  },
): string {
  const count = Math.max(...series.map(({ values }) => values.length));
  const shares = sharesUpTo(count);
  const nines = Math.log10(count);
  const x = (share: number) =>
    LEFT + Math.min(1, -Math.log10(1 - share) / nines) * (RIGHT - LEFT);
  const lines = series.map(({ values, ...rest }) => ({
    ...rest,
    points: shares.map((share) => [share, quantile(values, share)] as const),
  }));
  const scale = logarithmic(
    lines.flatMap(({ points }) => points.map((p) => p[1])),
  );
  const y = (value: number) => BOTTOM - scale.place(value) * (BOTTOM - TOP);
  const grid = [
    ...scale.ticks.flatMap((tick) => [
      line([LEFT, y(tick)], [RIGHT, y(tick)], "rule"),
      text(LEFT - 8, y(tick) + 4, words(tick), "faint", "end"),
    ]),
    ...TICKS.filter(([, share]) => 1 / (1 - share) <= count).flatMap(
      ([label, share]) => [
        line([x(share), TOP], [x(share), BOTTOM], "rule"),
        text(x(share), BOTTOM + 18, label, "faint", "middle"),
      ],
    ),
  ];
  const ends = lines.map(({ points }) => y(points.at(-1)?.[1] ?? 0));
  const labels = apart(ends);
  const marks = lines.flatMap(({ label, kind, points }, i) => [
    `<polyline class="line ${kind}" points="${
      points.map(([share, value]) => `${at(x(share))},${at(y(value))}`)
        .join(" ")
    }"/>`,
    text(
      RIGHT + 8,
      (labels[i] ?? 0) + 4,
      `${label} ${words(points.at(-1)?.[1] ?? 0)}`,
      kind,
    ),
  ]);
  return page(title, BOTTOM + 58, [
    ...grid,
    ...marks,
    text(16, TOP - 10, axis, "faint"),
    text(
      (LEFT + RIGHT) / 2,
      BOTTOM + 40,
      "share of the writes that waited no longer; at the right the longest, ms",
      "faint",
      "middle",
    ),
  ]);
}

/** As many points on each nine, and the longest of all. */
function sharesUpTo(count: number): number[] {
  const nines = Math.log10(count);
  const steps = 120;
  return [
    ...Array.from({ length: steps }, (_, i) => 1 - 10 ** (-nines * i / steps)),
    1 - 1 / (2 * count),
  ];
}

/** Moves labels that would cover each other, and keeps their order. */
function apart(places: readonly number[]): number[] {
  const order = places.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  const moved = [...places];
  let least = -Infinity;
  for (const { y, i } of order) {
    moved[i] = Math.max(y, least);
    least = (moved[i] ?? 0) + LABEL_STEP;
  }
  return moved;
}
