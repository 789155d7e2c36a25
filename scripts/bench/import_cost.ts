/**
 * The section `import`: what the published package adds to a program's start.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { vendor } from "../release/vendor.ts";
import { npmInstall } from "../runtimes/fetch.ts";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { runChild } from "../test/child.ts";
import { median, quantile } from "./figures.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Bench, Report, Row, Section } from "./section.ts";

const MOST_MS = 5;
const ROUNDS = 40;
const NAMES = ["tarball", "vendored"] as const;

export const importCost: Section = {
  name: "import",
  title: "What the import costs",
  method: "Time of the first `import()` of the published package, within a " +
    "fresh process each: as `deno pack` makes it and npm installs it, some " +
    "hundred modules, and as the one vendored file, which is what the npm " +
    "package loads. Runs in turn",
  target: "less than 5 ms on each runtime",
  seconds: 40,
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), "litelatch-import-"));
    try {
      const entries = await prepare(folder);
      const rows: Row[] = [];
      const dots: Dot[] = [];
      for (const runtime of bench.runtimes) {
        const samples = await measure(bench, runtime, entries);
        for (const name of NAMES) {
          const times = samples[name] ?? [];
          rows.push(rowOf(runtime, name, times));
          const kind = name === "vendored" ? "litelatch" : "other";
          dots.push(dot(name, kind, times, runtime.label));
        }
      }
      const plot = dotPlot({
        title: importCost.title,
        axis: "time of the first import(), ms: median and middle half",
        dots,
        scale: "logarithmic",
        target: { value: MOST_MS, label: `target ${MOST_MS} ms` },
      });
      const head = [
        "runtime",
        "package",
        "median, ms",
        "quietest tenth, ms",
      ];
      return { head, rows, plot } satisfies Report;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function prepare(folder: string): Promise<Record<string, string>> {
  const tarball = join(folder, "litelatch.tgz");
  const deno = pinnedRuntime("deno").path;
  const args = ["pack", "--allow-dirty", "--no-source-maps", "-o", tarball];
  const { code, output } = await runChild([deno, ...args], 120_000);
  if (code !== 0) throw new Error(`Cannot pack: ${output}`);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  const said = npmInstall(folder, ["--offline", tarball]);
  if (said !== "") throw new Error(said);
  mkdirSync(join(folder, "vendored"));
  await vendor(join(folder, "vendored"));
  const entries: Record<string, string> = {};
  const paths = {
    tarball: join(folder, "node_modules/@litelatch/litelatch/mod.js"),
    vendored: join(folder, "vendored/litelatch.js"),
  };
  for (const name of NAMES) {
    const program = join(folder, `${name}.js`);
    writeFileSync(
      program,
      `const start = performance.now();
await import(${JSON.stringify(pathToFileURL(paths[name]).href)});
console.log(performance.now() - start);
`,
    );
    entries[name] = program;
  }
  return entries;
}

async function measure(
  bench: Bench,
  runtime: Runtime,
  entries: Record<string, string>,
): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = { tarball: [], vendored: [] };
  const rounds = Math.max(3, Math.round(ROUNDS * bench.scale));
  const start = runtime.id === "deno"
    ? [runtime.path, "run", "-A", "--no-config"]
    : [runtime.path];
  for (let round = 0; round < rounds; round++) {
    bench.progress(`import: ${runtime.label}, ${round + 1} of ${rounds}`);
    for (const name of NAMES) {
      const program = entries[name] ?? "";
      const { code, output } = await runChild([...start, program], 60_000);
      if (code !== 0) throw new Error(`${runtime.label}: ${output}`);
      samples[name]?.push(Number(output.trim()));
    }
  }
  return samples;
}

function rowOf(runtime: Runtime, name: string, times: number[]): Row {
  return {
    cells: [
      runtime.label,
      name,
      median(times).toFixed(1),
      quantile(times, 0.1).toFixed(1),
    ],
    reached: median(times) < MOST_MS,
  };
}
