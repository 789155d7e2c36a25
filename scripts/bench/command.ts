/**
 * The section `command`: what the start of the `litelatch` command costs.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { npmFiles } from "../release/npm.ts";
import { fillFolder } from "../release/package.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { median, quantile, spread } from "./figures.ts";
import { spawnInTurn } from "./hook.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Bench, Report, Row, Section } from "./section.ts";

const MOST = 1.6;

export const command: Section = {
  name: "command",
  title: "The start of the command",
  method: "CPU time, user and system, of whole processes as wait4(2) tells " +
    "it: `litelatch --version` and `litelatch --help` of the package as it is " +
    "published, against an empty program, in turn. What a command then does " +
    "is its own matter",
  target: `at most ${MOST} × the CPU time of an empty program`,
  seconds: 25,
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
    try {
      fillFolder(join(folder, "package"), await npmFiles());
      writeFileSync(join(folder, "empty.mjs"), "");
      return await measure(bench, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measure(bench: Bench, folder: string): Promise<Report> {
  const rows: Row[] = [];
  const dots: Dot[] = [];
  const main = join(folder, "package/litelatch-cli.mjs");
  for (const runtime of bench.runtimes) {
    const start = startOf(runtime);
    const samples = await spawnInTurn(bench, runtime.label, {
      empty: [...start, join(folder, "empty.mjs")],
      version: [...start, main, "--version"],
      help: [...start, main, "--help"],
    });
    const of = (name: string) =>
      samples.filter((one) => one.name === name).map(({ cpuMs }) => cpuMs);
    const empty = of("empty");
    for (const name of ["version", "help"]) {
      const ratio = median(of(name)) / median(empty);
      // What disturbs a process only ever makes it slower.
      const quiet = quantile(of(name), 0.1) / quantile(empty, 0.1);
      rows.push({
        cells: [
          runtime.label,
          `--${name}`,
          median(empty).toFixed(1),
          spread(of(name), 1),
          ratio.toFixed(2),
          quiet.toFixed(2),
        ],
        reached: ratio <= MOST,
      });
      dots.push(dot(`--${name}`, "litelatch", of(name), runtime.label));
    }
    dots.push(dot("empty program", "limit", empty, runtime.label));
  }
  return {
    head: [
      "runtime",
      "command",
      "empty, ms",
      "litelatch, ms",
      "ratio",
      "ratio of the quietest tenths",
    ],
    rows,
    plot: dotPlot({
      title: command.title,
      axis: "CPU time of the process, ms: median and middle half",
      dots,
    }),
  };
}

function startOf({ id, path }: Runtime): string[] {
  return id === "deno" ? [path, "run", "-A", "--no-config"] : [path];
}
