/**
 * Holds what keeps the core small enough to read: its lines, the size of the
 * vendored file, no circle of imports, no file name twice. Prints the figures.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { basename, dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bundler } from "../release/bundle.ts";
import { CORE } from "../release/entries.ts";
import { vendoredScript } from "../release/vendor.ts";
import { circlesOf } from "./floors/circles.ts";
import {
  FACE,
  type Problem,
  reachedFrom,
  readSources,
  type Sources,
} from "./floors/sources.ts";

// Each holds what was reached, so that it cannot grow again in silence; what is
// wanted is 5,500 lines and 90 kB. Transactions whose body awaits are 290 lines
// and 6 kB of it, files that are lost or held on other systems 200 and 5 kB.
/** Of all files that `mod.ts` reaches, with their comments. */
export const MOST_CORE_LINES = 7_271;
/** Of the vendored file as people read it, not minified. */
export const MOST_VENDORED_BYTES = 135_499;
/** More is a warning: a room is cut by its reason, not by its length. */
export const MOST_LINES = 250;

/** What the check found below one root. */
export interface BudgetReport {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly coreFiles: number;
  readonly coreLines: number;
}

/**
 * Checks `mod.ts` and every file below `src/` of one folder.
 *
 * @param vendored The vendored file made of it; `null` leaves it out.
 */
export function checkBudgets(
  root: string,
  vendored: string | null,
): BudgetReport {
  const sources = readSources(root);
  const core = reachedFrom(sources, FACE);
  const coreLines = core.reduce((sum, { lines }) => sum + lines, 0);
  const problems: Problem[] = [
    ...circlesOf(sources).map((circle) => at(circle[0]!, nameCircle(circle))),
    ...namedTwice(core.map(({ file }) => file)),
  ];
  if (coreLines > MOST_CORE_LINES) {
    const most = count(MOST_CORE_LINES);
    problems.push(at(
      FACE,
      `The core must have at most ${most} lines, got ${count(coreLines)}: ` +
        "delete what no promise needs, or move it to an entry",
    ));
  }
  const bytes = vendored === null ? 0 : Buffer.byteLength(vendored);
  if (bytes > MOST_VENDORED_BYTES) {
    problems.push(at(
      FACE,
      `The vendored file must have at most ${count(MOST_VENDORED_BYTES)} ` +
        `bytes, got ${count(bytes)}: delete what no promise needs, or move ` +
        "it to an entry",
    ));
  }
  return {
    problems,
    warnings: longFiles(sources),
    coreFiles: core.length,
    coreLines,
  };
}

function nameCircle(circle: readonly string[]): string {
  return `Files must not import each other in a circle, got ${
    circle.join(" → ")
  }: move what both need to a file below them`;
}

function namedTwice(files: readonly string[]): Problem[] {
  const first = new Map<string, string>();
  const problems: Problem[] = [];
  for (const file of [...files].sort()) {
    const name = basename(file);
    const other = first.get(name);
    if (other === undefined) first.set(name, file);
    else {
      problems.push(at(
        file,
        `A file name must stand once in the core, got ${name} in ` +
          `${dirname(other)}/ too: name it after what is in it`,
      ));
    }
  }
  return problems;
}

function longFiles(sources: Sources): Problem[] {
  return [...sources.values()]
    .filter(({ lines }) => lines > MOST_LINES)
    .map(({ file, lines }) => ({
      file,
      line: lines,
      sentence: `${lines} lines: does this file have two reasons?`,
    }));
}

function at(file: string, sentence: string): Problem {
  return { file, line: 1, sentence };
}

function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** The vendored file, or `null` where npm cannot bring the bundler. */
async function vendoredFile(): Promise<string | null> {
  try {
    bundler();
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    console.log(`warning: the vendored file is not measured: ${error}`);
    return null;
  }
  return await vendoredScript(CORE);
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const vendored = await vendoredFile();
  const report = checkBudgets(root, vendored);
  for (const { file, line, sentence } of report.problems) {
    console.error(`${file}:${line}: ${sentence}`);
  }
  for (const { file, line, sentence } of report.warnings) {
    console.log(`warning: ${file}:${line}: ${sentence}`);
  }
  const bytes = vendored === null ? "?" : count(Buffer.byteLength(vendored));
  console.log(
    `The core has ${count(report.coreLines)} lines of at most ` +
      `${count(MOST_CORE_LINES)}, in ${report.coreFiles} files; the vendored ` +
      `file ${bytes} bytes of at most ${count(MOST_VENDORED_BYTES)}`,
  );
  process.exitCode = report.problems.length === 0 ? 0 : 1;
}
