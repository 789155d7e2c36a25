/**
 * Runs the test files on one runtime, one process per file, two at once.
 *
 * One process each, because a crash then has a name, because no file sees
 * the locks that another holds, and because all runtimes then do the same.
 *
 * @module
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Runtime } from "../runtimes/runtimes.ts";
import { type Outcome, runChild } from "./child.ts";
import { type Count, readJunit } from "./junit.ts";
import type { Tally } from "./tally.ts";

/** For all the files of one runtime, which take 3.5 minutes on two cores. */
const PATIENCE = 60 * 60_000;
/** For one of them, if nobody asked for a long trial. */
const PATIENCE_PER_FILE = ["LITELATCH_ROUNDS", "LITELATCH_KILLS"]
    .some((name) => process.env[name] !== undefined)
  ? PATIENCE
  : 10 * 60_000;

// Most files wait for their children most of the time: two at once take 60 %
// of the time on two cores. With more, waits come near their limits.
const LANES = 2;

/** How many tests each file had on this runtime, whatever became of them. */
export async function runSuite(
  runtime: Runtime,
  files: readonly string[],
  env: Readonly<Record<string, string>>,
  tally: Tally,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const deadline = Date.now() + PATIENCE;
  const folder = mkdtempSync(join(tmpdir(), "litelatch-test-"));
  const coming = files.values();
  const lane = async (_: unknown, number: number) => {
    const report = join(folder, `report-${number}.xml`);
    for (const file of coming) {
      rmSync(report, { force: true });
      const limit = Math.min(PATIENCE_PER_FILE, deadline - Date.now());
      const command = runtime.testCommand(file, report);
      const started = Date.now();
      const outcome = await runChild(command, limit, env);
      const count = existsSync(report)
        ? readJunit(readFileSync(report, "utf8"))
        : null;
      const seconds = `${((Date.now() - started) / 1000).toFixed(1)} s`;
      book(runtime, file, outcome, count, seconds, tally, files.length === 1);
      if (count !== null) sizes.set(file, sizeOf(count));
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return sizes;
}

function book(
  runtime: Runtime,
  file: string,
  outcome: Outcome,
  count: Count | null,
  seconds: string,
  tally: Tally,
  isAlone: boolean,
): void {
  const failed = count?.failed ?? [];
  const trouble = troubleOf(outcome, count);
  const skipped = count?.skipped ? `, ${count.skipped} skipped` : "";
  const line = `${file}  ${count?.passed ?? 0} passed${skipped}  (${seconds})`;
  if (failed.length === 0 && trouble === null) {
    tally.pass(line, count?.passed, isAlone ? outcome.output : "");
    return;
  }
  tally.count(count?.passed ?? 0);
  // The runtime's own words hold all the failures of a file: print them once.
  const sentences = failed.map((name) => `${file}: ${name}`);
  if (trouble !== null) sentences.push(`${file}: ${trouble}`);
  sentences.forEach((sentence, i) => {
    const last = i === sentences.length - 1;
    const shown = last ? outcome.output : "";
    tally.fail(runtime.label, sentence, shown, outcome.output);
  });
}

/** What went wrong that no test of the file can be blamed for, or `null`. */
function troubleOf(outcome: Outcome, count: Count | null): string | null {
  const { code, cut } = outcome;
  if (cut !== null) return cut;
  if (count === null) {
    return `it left no report (exit code ${code}), so its tests are not known`;
  }
  if (count.broken) return "the run broke off, a test left the process";
  if (code !== 0 && count.failed.length === 0) {
    return `it ended with exit code ${code} though no test failed`;
  }
  return sizeOf(count) === 0 ? "it holds no test" : null;
}

function sizeOf(count: Count): number {
  return count.passed + count.skipped + count.failed.length;
}
