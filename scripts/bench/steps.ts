/**
 * The sections `write` and `get`: small steps within one process.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { runChild } from "../test/child.ts";
import { median, spread } from "./figures.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Bench, Report, Row, Section } from "./section.ts";

const PROGRAM = fileURLToPath(new URL("programs/steps.ts", import.meta.url));
const PATIENCE = 5 * 60_000;
const PROCESSES = 5;

interface Times {
  byHand: number[];
  litelatch: number[];
}

export const write: Section = {
  name: "write",
  title: "Uncontended write of one row",
  method: "`db.write(() => db.prepare(insert).run(…))` against prepared " +
    "BEGIN IMMEDIATE, INSERT and COMMIT of the runtime's driver with the same " +
    "settings; rounds of 100 in turn, ratios of neighbours",
  target: "at most 1.15 × the time",
  seconds: 35,
  run: (bench) => compare(bench, write, 200, 1.15),
};

export const get: Section = {
  name: "get",
  title: "Reading one row",
  method: "`db.prepare(select).get(id)` against `get(id)` of the driver's " +
    "prepared statement; rounds of 1000 in turn, ratios of neighbours",
  target: "at most 1.10 × the time",
  seconds: 25,
  run: (bench) => compare(bench, get, 100, 1.10),
};

async function compare(
  bench: Bench,
  { name, title }: Section,
  rounds: number,
  most: number,
): Promise<Report> {
  const rows: Row[] = [];
  const dots: Dot[] = [];
  for (
    const [label, { byHand, litelatch }] of await measure(bench, name, rounds)
  ) {
    const ratios = litelatch.map((time, i) => time / byHand[i]!);
    rows.push({
      cells: [
        label,
        spread(byHand, 2),
        spread(litelatch, 2),
        spread(ratios, 3),
      ],
      reached: median(ratios) <= most,
    });
    dots.push(
      dot("by hand", "raw", byHand, label),
      dot("litelatch", "litelatch", litelatch, label),
    );
  }
  return {
    head: ["runtime", "by hand, µs", "litelatch, µs", "ratio"],
    rows,
    plot: dotPlot({
      title,
      axis: "time of one, µs: median and middle half",
      dots,
    }),
  };
}

/** Several processes each, because a JIT does not always decide the same. */
async function measure(
  { runtimes, scale, progress }: Bench,
  section: string,
  rounds: number,
): Promise<[string, Times][]> {
  const found = new Map<string, Times>();
  for (let i = 0; i < PROCESSES; i++) {
    for (const { label, command } of runtimes) {
      progress(`${section}: ${label}, process ${i + 1} of ${PROCESSES}`);
      const count = String(Math.max(10, Math.round(rounds * scale)));
      const { code, output, cut } = await runChild(
        [...command, PROGRAM, section, count],
        PATIENCE,
      );
      if (code !== 0) throw new Error(`${label}: ${cut ?? output}`);
      const line = output.trim().split("\n").find((line) => line[0] === "{");
      const times = JSON.parse(line ?? "") as Times;
      const all = found.get(label) ?? { byHand: [], litelatch: [] };
      found.set(label, {
        byHand: [...all.byHand, ...times.byHand],
        litelatch: [...all.litelatch, ...times.litelatch],
      });
    }
  }
  return [...found];
}
