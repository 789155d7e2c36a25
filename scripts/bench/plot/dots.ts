/**
 * A plot with a line for each thing that was measured: a dot for the middle
 * one, a bar behind it for where the middle half lies.
 *
 * @module
 */

import { median, quantile } from "../figures.ts";
import { at, type Kind, line, page, text, WIDTH } from "./page.ts";
import { linear, logarithmic, words } from "./scale.ts";

/** One line of the plot. */
export interface Dot {
  readonly label: string;
  readonly kind: Kind;
  readonly middle: number;
  readonly low: number;
  readonly high: number;
  /** The heading that it stands under with its neighbours. */
  readonly group?: string;
}

/** A line of the plot from all that was measured. */
export function dot(
  label: string,
  kind: Kind,
  values: readonly number[],
  group?: string,
): Dot {
  const [low, middle, high] = [
    quantile(values, 0.25),
    median(values),
    quantile(values, 0.75),
  ];
  return { label, kind, low, middle, high, ...(group && { group }) };
}

/** What the plot says beside its dots. */
export interface DotPlot {
  readonly title: string;
  /** What is measured, and its unit. */
  readonly axis: string;
  readonly dots: readonly Dot[];
  readonly scale?: "linear" | "logarithmic";
  /** A value to be reached, drawn as a line. */
  readonly target?: { readonly value: number; readonly label: string };
}

const LEFT = 230;
const RIGHT = WIDTH - 90;
const TOP = 58;
const STEP = 24;

/** Draws it. */
export function dotPlot(plot: DotPlot): string {
  const { dots, target } = plot;
  const values = dots.flatMap(({ low, middle, high }) => [low, middle, high]);
  if (target !== undefined) values.push(target.value);
  const scale = (plot.scale === "logarithmic" ? logarithmic : linear)(values);
  const x = (value: number) => LEFT + scale.place(value) * (RIGHT - LEFT);
  const lines: string[] = [];
  let y = TOP + 8;
  let group = "";
  for (const dot of dots) {
    if (dot.group !== undefined && dot.group !== group) {
      group = dot.group;
      lines.push(text(16, y + 4, group, "faint"));
      y += STEP - 4;
    }
    const middle = `<circle cx="${at(x(dot.middle))}" cy="${
      at(y)
    }" r="5" class="${dot.kind}"/>`;
    lines.push(
      text(LEFT - 14, y + 4, dot.label, "", "end"),
      line([x(dot.low), y], [x(dot.high), y], `range ${dot.kind}`),
      middle,
      text(x(Math.max(dot.high, dot.middle)) + 12, y + 4, words(dot.middle)),
    );
    y += STEP;
  }
  const bottom = y - 6;
  const grid = scale.ticks.flatMap((tick) => [
    line([x(tick), TOP - 8], [x(tick), bottom], "rule"),
    text(x(tick), bottom + 18, words(tick), "faint", "middle"),
  ]);
  const aim = target === undefined ? [] : [
    line([x(target.value), TOP - 8], [x(target.value), bottom], "target"),
    text(x(target.value), TOP - 13, target.label, "faint", "middle"),
  ];
  return page(plot.title, bottom + 50, [
    ...grid,
    ...aim,
    ...lines,
    text((LEFT + RIGHT) / 2, bottom + 38, plot.axis, "faint", "middle"),
  ]);
}
