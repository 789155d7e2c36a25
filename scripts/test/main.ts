/**
 * The one test command: `deno task test`. Checks first, then a minute of
 * torture, then the same test files on Deno, Bun and Node, then `N passed, N
 * failed` as the last line.
 *
 * @module
 */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { bundler } from "../release/bundle.ts";
import { declarationTools } from "../release/declarations.ts";
import {
  pinnedRuntime,
  PINS,
  type Runtime,
  USUAL,
} from "../runtimes/runtimes.ts";
import { abandon } from "../torture/session.ts";
import { HELP, readArguments, type Wishes } from "./arguments.ts";
import { runChecks } from "./checks.ts";
import { endAll } from "./child.ts";
import { testFiles } from "./files.ts";
import { neighbours, packagingTools, testPackages } from "./packages.ts";
import { runSuite } from "./suite.ts";
import { startTally, type Tally } from "./tally.ts";
import { runTorture } from "./torture.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Exit codes: 0 all passed, 1 something failed, 2 not understood. */
async function main(): Promise<void> {
  let wishes: Wishes;
  try {
    wishes = readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(messageOf(error));
    process.exit(2);
  }
  if (wishes.help) {
    console.log(HELP);
    return;
  }
  // Other users play a part, and could not reach what is made under 077.
  process.umask(0o022);
  process.chdir(ROOT);
  const tally = startTally();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      endAll();
      abandon();
      tally.fail("test", `it was stopped by ${signal}`);
      finish(tally);
    });
  }
  try {
    await runEverything(wishes, tally);
  } catch (error) {
    tally.fail("test", messageOf(error));
  }
  finish(tally);
}

async function runEverything(wishes: Wishes, tally: Tally): Promise<void> {
  const files = testFiles(wishes.filters);
  if (files.length === 0) {
    const wanted = wishes.filters.join(", ") || "_test.ts";
    tally.note(`No file below tests/ has a path with ${wanted} in it.`);
    return;
  }
  const runtimes = findRuntimes(wishes, tally);
  const deno = runtimes.find((runtime) => runtime.id === "deno");
  tally.heading("Checks");
  if (wishes.filters.length > 0) tally.note("Left out, as a filter was given.");
  else if (deno === undefined) tally.fail("check", "they need Deno");
  else await runChecks(deno.path, tally);
  if (wishes.filters.length === 0) {
    tally.heading("Torture");
    await runTorture(runtimes, tally);
  }

  if (wishes.filters.length === 0) fetchTools(tally);
  const env = {
    LITELATCH_RUNTIMES: handDown(runtimes),
    LITELATCH_PACKAGES: findPackages(tally),
  };
  const sizes = new Map<string, Map<string, number>>();
  for (const runtime of runtimes) {
    if (!wishes.runtimes.includes(runtime.id)) continue;
    tally.heading(runtime.label);
    sizes.set(runtime.label, await runSuite(runtime, files, env, tally));
  }
  compare(sizes, files, tally);
}

/** All of them: tests on one runtime start child programs on the others. */
function findRuntimes(wishes: Wishes, tally: Tally): Runtime[] {
  const runtimes: Runtime[] = [];
  for (const { id, name, version, named } of PINS) {
    if (named && !wishes.runtimes.includes(id)) continue;
    try {
      runtimes.push(pinnedRuntime(id));
    } catch (error) {
      const wanted = wishes.runtimes !== USUAL && wishes.runtimes.includes(id);
      // A developer without a network still gets what can be had.
      if (process.env["CI"] === "true" || wanted) {
        tally.fail(`${name} ${version}`, messageOf(error));
      } else {
        tally.warn(`NOT TESTED on ${name} ${version}: ${messageOf(error)}`);
      }
    }
  }
  return runtimes;
}

/** What `tests/fixtures/packages.ts` reads: their folder, or `""`. */
function findPackages(tally: Tally): string {
  try {
    return testPackages();
  } catch (error) {
    if (process.env["CI"] === "true") tally.fail("packages", messageOf(error));
    else tally.warn(`NOT TESTED with packages: ${messageOf(error)}`);
    return "";
  }
}

/** What tests would fetch on first use, when their time runs already. */
function fetchTools(tally: Tally): void {
  const tools = [bundler, declarationTools, neighbours, packagingTools];
  for (const fetchTool of tools) {
    try {
      fetchTool();
    } catch (error) {
      tally.warn(messageOf(error));
    }
  }
}

/** What `tests/fixtures/runtimes.ts` reads. */
function handDown(runtimes: readonly Runtime[]): string {
  return JSON.stringify(Object.fromEntries(
    runtimes.map(({ id, label, command }) => [id, { label, command }]),
  ));
}

/**
 * Deno 2.9.6 drops an error thrown while a file loads once a `node:test` test
 * is registered: the rest is never seen and the run is green. So a file must
 * have the same number of tests on every runtime.
 */
function compare(
  sizes: ReadonlyMap<string, ReadonlyMap<string, number>>,
  files: readonly string[],
  tally: Tally,
): void {
  for (const file of files) {
    const counts = [...sizes].flatMap(([label, sizes]) => {
      const size = sizes.get(file);
      return size === undefined ? [] : [{ label, size }];
    });
    if (new Set(counts.map(({ size }) => size)).size <= 1) continue;
    tally.fail(
      "comparison",
      `${file} must have as many tests on every runtime, got ` +
        counts.map(({ label, size }) => `${size} on ${label}`).join(", ") +
        ": skip a test by option, and use no subtests and no describe",
    );
  }
}

function finish(tally: Tally): never {
  tally.summary();
  process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();
