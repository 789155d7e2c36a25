/**
 * The section `hook`: what a whole short process costs.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { vendor } from "../release/vendor.ts";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { runChild } from "../test/child.ts";
import { median, quantile, spread } from "./figures.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Bench, Report, Row, Section } from "./section.ts";

const SPAWNER = fileURLToPath(new URL("programs/spawner.ts", import.meta.url));
const MOST = 1.25;
const ROUNDS = 40;

const BY_HAND = `const path = process.argv[2];
const bun = process.getBuiltinModule("bun:sqlite");
const db = bun
  ? new bun.Database(path, { readwrite: true, create: true })
  : new (process.getBuiltinModule("node:sqlite").DatabaseSync)(path);
db.exec("PRAGMA busy_timeout=5000");
db.exec("PRAGMA journal_mode=WAL");
db.exec("PRAGMA synchronous=NORMAL");
db.exec("PRAGMA foreign_keys=ON");
const insert = db.prepare("INSERT INTO event VALUES (?, ?)");
db.exec("BEGIN IMMEDIATE");
insert.run(Date.now(), "stopped");
db.exec("COMMIT");
insert.finalize?.();
db.close();
`;

const LITELATCH = `import { open } from "./litelatch.mjs";
const db = open(process.argv[2], { app: "hook" });
db.write(() =>
  db.prepare("INSERT INTO event VALUES (?, ?)").run(Date.now(), "stopped")
);
db.close();
`;

const SETUP = `import { open } from "./litelatch.mjs";
const db = open(process.argv[2]);
db.exec("CREATE TABLE event (at INTEGER, text TEXT)");
db.close();
`;

// How much of the difference is there before the first line of ours runs.
const NEEDED = `import "./empty_module.js";
process.getBuiltinModule("node:fs").statSync(process.argv[2]);
${BY_HAND}`;

const PROGRAMS: Record<string, string> = {
  "empty.js": "",
  "empty_module.js": "",
  "by_hand.js": BY_HAND,
  "needed.js": NEEDED,
  "litelatch_hook.js": LITELATCH,
  "setup.js": SETUP,
  "package.json": '{ "type": "module" }\n',
};

/** What one process cost. */
export interface Sample {
  name: string;
  cpuMs: number;
  wallMs: number;
}

export const hook: Section = {
  name: "hook",
  title: "A hook's whole process",
  method: "CPU time, user and system, of whole processes as wait4(2) tells " +
    "it: import litelatch as one JavaScript file, open shared, one write, " +
    "close; against the same in raw driver code with four pragmas. All in " +
    'turn. "Needed" is the raw program with one empty import and one ' +
    "`statSync`: what any module that looks at a file must cost. Deno runs " +
    "with leave to read and write one folder, as a hook should",
  target: "at most 1.25 × the CPU time",
  seconds: 35,
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
    try {
      for (const [name, text] of Object.entries(PROGRAMS)) {
        writeFileSync(join(folder, name), text);
      }
      await vendor(folder);
      return await measure(bench, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measure(bench: Bench, folder: string): Promise<Report> {
  const rows: Row[] = [];
  const dots: Dot[] = [];
  for (const runtime of bench.runtimes) {
    const path = join(folder, `${runtime.id}.db`);
    const program = (name: string) => [
      ...hookCommand(runtime, folder),
      join(folder, name),
      path,
    ];
    const { code, output } = await runChild(program("setup.js"), 60_000);
    if (code !== 0) throw new Error(`${runtime.label}: ${output}`);
    const samples = await spawnInTurn(bench, runtime.label, {
      empty: program("empty.js"),
      byHand: program("by_hand.js"),
      needed: program("needed.js"),
      litelatch: program("litelatch_hook.js"),
    });
    const of = (name: string, what: "cpuMs" | "wallMs" = "cpuMs") =>
      samples.filter((s) => s.name === name).map((s) => s[what]);
    const wall = (name: string) => median(of(name, "wallMs"));
    const [byHand, litelatch] = [of("byHand"), of("litelatch")];
    const ratio = median(litelatch) / median(byHand);
    // What disturbs a process only ever makes it slower.
    const quiet = quantile(litelatch, 0.1) / quantile(byHand, 0.1);
    rows.push({
      cells: [
        runtime.label,
        median(of("empty")).toFixed(1),
        spread(byHand, 1),
        (median(of("needed")) / median(byHand)).toFixed(2),
        spread(litelatch, 1),
        ratio.toFixed(2),
        quiet.toFixed(2),
        `${wall("byHand").toFixed(1)}, ${wall("litelatch").toFixed(1)}`,
      ],
      reached: ratio <= MOST,
    });
    dots.push(
      dot("empty program", "limit", of("empty"), runtime.label),
      dot("by hand", "raw", byHand, runtime.label),
      dot("litelatch", "litelatch", litelatch, runtime.label),
    );
  }
  return {
    head: [
      "runtime",
      "empty, ms",
      "by hand, ms",
      "needed, ratio",
      "litelatch, ms",
      "ratio",
      "ratio of the quietest tenths",
      "whole time: by hand, litelatch, ms",
    ],
    rows,
    plot: dotPlot({
      title: hook.title,
      axis: "CPU time of the process, ms: median and middle half",
      dots,
    }),
  };
}

function hookCommand(runtime: Runtime, folder: string): string[] {
  return runtime.id === "deno"
    ? [
      runtime.path,
      "run",
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
    ]
    : [runtime.path];
}

/** Runs these programs by turns, over and over. */
export async function spawnInTurn(
  bench: Bench,
  label: string,
  commands: Record<string, string[]>,
): Promise<Sample[]> {
  const bun = pinnedRuntime("bun");
  const rounds = Math.max(3, Math.round(ROUNDS * bench.scale));
  const child = spawn(
    bun.path,
    [SPAWNER, String(rounds), JSON.stringify(commands)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", resolve);
  });
  const samples: Sample[] = [];
  const all = rounds * Object.keys(commands).length;
  for await (const line of createInterface({ input: child.stdout })) {
    samples.push(JSON.parse(line) as Sample);
    bench.progress(`${label}: ${samples.length} of ${all} processes`);
  }
  const code = await ended;
  if (code !== 0) {
    throw new Error(`${label}: a program ended with code ${code}`);
  }
  return samples;
}
