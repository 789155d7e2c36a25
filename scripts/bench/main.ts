/**
 * Measures what litelatch costs and what it is worth: `deno task bench`.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { pinnedRuntime } from "../runtimes/runtimes.ts";
import { endAll } from "../test/child.ts";
import { helpText, readArguments } from "./arguments.ts";
import { command } from "./command.ts";
import { contention } from "./contention.ts";
import { hook } from "./hook.ts";
import { importCost } from "./import_cost.ts";
import { locking } from "./locking.ts";
import { load, markdown, versions } from "./markdown.ts";
import { queue } from "./queue.ts";
import { saturated } from "./saturated.ts";
import type { Section } from "./section.ts";
import { standby } from "./standby.ts";
import { get, write } from "./steps.ts";
import { takeover } from "./takeover.ts";
import { waiting } from "./waiting.ts";
import { wal } from "./wal.ts";
import { winners } from "./winners.ts";

const SECTIONS: readonly Section[] = [
  waiting,
  saturated,
  queue,
  write,
  get,
  hook,
  command,
  locking,
  takeover,
  standby,
  contention,
  winners,
  wal,
  importCost,
];
const RESULTS = fileURLToPath(new URL("results/", import.meta.url));

/** A line that the next one takes the place of; a few lines where piped. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== "" && performance.now() - lastLine > 5_000) {
    lastLine = performance.now();
    console.error(text);
  }
}

let lastLine = -Infinity;

async function main(): Promise<void> {
  const wishes = readArguments(process.argv.slice(2), SECTIONS);
  if (wishes.help) return console.log(helpText(SECTIONS));
  const runtimes = wishes.runtimes.map(pinnedRuntime);
  const { scale } = wishes;
  const labels = await versions(runtimes);
  const begin = performance.now();
  for (const section of wishes.sections) {
    const start = performance.now();
    const loadBefore = load();
    const report = await section.run({ runtimes, scale, progress });
    progress("");
    const seconds = (performance.now() - start) / 1000;
    const how = { runtimes: labels, scale, loadBefore, seconds };
    console.log(markdown(section, report, how, null));
    if (!wishes.save) continue;
    mkdirSync(RESULTS, { recursive: true });
    const plot = `${section.name}.svg`;
    writeFileSync(join(RESULTS, plot), report.plot);
    writeFileSync(
      join(RESULTS, `${section.name}.md`),
      markdown(section, report, how, plot),
    );
  }
  const minutes = (performance.now() - begin) / 60_000;
  console.error(`All of it took ${minutes.toFixed(1)} minutes.`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}

try {
  await main();
} catch (error) {
  progress("");
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
