/**
 * Measures what litelatch costs: `deno task bench`.
 *
 * @module
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { hook } from "./bench/hook.ts";
import { importCost } from "./bench/import_cost.ts";
import type { Report, Section } from "./bench/section.ts";
import { get, lock, write } from "./bench/steps.ts";
import { waiting } from "./bench/waiting.ts";
import { pinnedRuntime, PINS, type Runtime } from "./runtimes.ts";

const SECTIONS: readonly Section[] = [
  write,
  get,
  waiting,
  hook,
  lock,
  importCost,
];
const RESULTS = fileURLToPath(new URL("bench/results/", import.meta.url));

const HELP = `Usage: deno task bench [options] [section …]

Measures, and compares within the same run, on every runtime:
${
  SECTIONS.map((s) => `  ${s.name.padEnd(9)}${s.title}: ${s.target}`).join("\n")
}

Options:
  --runtime=<ids>  only on these, split by commas: ${
  PINS.map((pin) => pin.id).join(", ")
}
  --scale=<n>      length of the run, default 1; 0.1 only tries it
  --save           write the tables to scripts/bench/results/
  --help           print this`;

interface Wishes {
  sections: Section[];
  runtimes: string[];
  scale: number;
  save: boolean;
  help: boolean;
}

function readArguments(args: readonly string[]): Wishes {
  const wishes: Wishes = {
    sections: [],
    runtimes: PINS.map((pin) => pin.id),
    scale: 1,
    save: false,
    help: false,
  };
  for (const arg of args) {
    const [option = "", value = ""] = arg.split("=", 2);
    const section = SECTIONS.find((section) => section.name === arg);
    if (section !== undefined) wishes.sections.push(section);
    else if (arg === "--help" || arg === "-h") wishes.help = true;
    else if (arg === "--save") wishes.save = true;
    else if (option === "--scale" && Number(value) > 0) {
      wishes.scale = Number(value);
    } else if (option === "--runtime") wishes.runtimes = value.split(",");
    else {
      throw new Error(
        "Cannot read the command line: it must be a section (" +
          SECTIONS.map((section) => section.name).join(", ") +
          `), --runtime=<ids>, --scale=<n> or --save, got "${arg}"`,
      );
    }
  }
  if (wishes.sections.length === 0) wishes.sections = [...SECTIONS];
  return wishes;
}

/** A line that the next one takes the place of; a few lines where piped. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== "" && performance.now() - lastLine > 5_000) {
    lastLine = performance.now();
    console.error(text);
  }
}

let lastLine = -Infinity;

function table({ head, rows }: Report): string {
  const lines = [
    [...head, "target"],
    head.map(() => "---").concat("---"),
    ...rows.map(({ cells, reached }) => [
      ...cells,
      reached === null ? "" : reached ? "reached" : "**missed**",
    ]),
  ];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function machine(runtimes: readonly Runtime[]): string {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `Measured on ${new Date().toISOString().slice(0, 10)}, ${
    cpu?.model.trim() ?? "unknown CPU"
  }, ${cpus().length} cores, ${gigabytes} GiB, ${process.platform} ${release()}${load()}; ${
    runtimes.map((runtime) => runtime.label).join(", ")
  }.`;
}

/** What else the machine had to do, where the system tells. */
function load(): string {
  try {
    const [minute] = readFileSync("/proc/loadavg", "utf8").split(" ");
    return `, load average ${minute} at the end`;
  } catch {
    return "";
  }
}

async function main(): Promise<void> {
  const wishes = readArguments(process.argv.slice(2));
  if (wishes.help) return console.log(HELP);
  const runtimes = wishes.runtimes.map(pinnedRuntime);
  for (const section of wishes.sections) {
    const report = await section.run({
      runtimes,
      scale: wishes.scale,
      progress,
    });
    progress("");
    const text = `# ${section.title}\n\n${section.method}.\n\n` +
      `Target: ${section.target}.\n\n${table(report)}\n\n${
        machine(runtimes)
      }\n`;
    console.log(text);
    if (!wishes.save) continue;
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(`${RESULTS}${section.name}.md`, text);
  }
}

try {
  await main();
} catch (error) {
  progress("");
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
