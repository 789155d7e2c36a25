/**
 * The section `import`: what the published core adds to a program's start.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CORE } from "../release/entries.ts";
import { vendor } from "../release/vendor.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { runChild } from "../test/child.ts";
import { median, quantile } from "./figures.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Bench, Report, Row, Section } from "./section.ts";

/** Over an empty module. */
const MOST_MS = { deno: 2, others: 3.5 };
const ROUNDS = 40;
const NAMES = ["litelatch", "empty module"] as const;

export const importCost: Section = {
  name: "import",
  title: "What the import costs",
  method: "Time of the first `import()` within a fresh process each: of the " +
    "one file of the core, which is vendored and which npm and JSR carry, and " +
    "of an empty module. Runs in turn",
  target: `at most ${MOST_MS.others} ms over an empty module, on Deno ` +
    `${MOST_MS.deno} ms`,
  seconds: 40,
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), "litelatch-import-"));
    try {
      const entries = await prepare(folder);
      const rows: Row[] = [];
      const dots: Dot[] = [];
      for (const runtime of bench.runtimes) {
        const samples = await measure(bench, runtime, entries);
        const most = runtime.id === "deno" ? MOST_MS.deno : MOST_MS.others;
        const empty = median(samples["empty module"] ?? []);
        for (const name of NAMES) {
          const times = samples[name] ?? [];
          const own = name === "litelatch";
          const reached = own ? median(times) - empty <= most : null;
          rows.push(rowOf(runtime, name, times, reached));
          const kind = own ? "litelatch" : "other";
          dots.push(dot(name, kind, times, runtime.label));
        }
      }
      const plot = dotPlot({
        title: importCost.title,
        axis: "time of the first import(), ms: median and middle half",
        dots,
        scale: "logarithmic",
      });
      const head = [
        "runtime",
        "module",
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
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(folder, "empty.mjs"), "export {};\n");
  await vendor(folder);
  const entries: Record<string, string> = {};
  const paths = {
    "litelatch": join(folder, CORE.script),
    "empty module": join(folder, "empty.mjs"),
  };
  for (const name of NAMES) {
    const program = join(folder, `import-${name.replace(" ", "-")}.js`);
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
  const samples: Record<string, number[]> = Object.fromEntries(
    NAMES.map((name) => [name, []]),
  );
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

function rowOf(
  runtime: Runtime,
  name: string,
  times: number[],
  reached: boolean | null,
): Row {
  return {
    cells: [
      runtime.label,
      name,
      median(times).toFixed(1),
      quantile(times, 0.1).toFixed(1),
    ],
    reached,
  };
}
