/**
 * Checks the models of the lock with spin: `deno task model`, and
 * `deno task model --long` for millions of states.
 *
 * @module
 */

import process from "node:process";
import { endAll, runChild } from "../test/child.ts";
import { type Run, verifyAll } from "./verify.ts";

const HELP = `deno task model [--long]

Checks every state of the lock's models, in several worlds, and then without
one of their steps at a time. Needs spin and gcc (apt-get install spin gcc).
  --long  three contenders in each world too: some minutes and gigabytes`;

/** Exit codes: 0 as expected, 1 not so, 2 not understood. */
async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words.includes("--help")) return console.log(HELP);
  const unknown = words.find((word) => word !== "--long");
  if (unknown !== undefined) {
    console.error(`Cannot understand "${unknown}"\n\n${HELP}`);
    process.exit(2);
  }
  for (const tool of ["spin -V", "gcc --version"]) {
    const { code } = await runChild(tool.split(" "), 60_000);
    if (code === 0) continue;
    console.error(`Cannot run "${tool}": install spin and gcc`);
    process.exit(2);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      endAll();
      process.exit(130);
    });
  }
  const runs = await verifyAll({ long: words.includes("--long") }, (run) => {
    const mark = run.asExpected ? "ok    " : "FAILED";
    console.log(`  ${mark}  ${run.name}  (${run.seconds.toFixed(1)} s)`);
    if (!run.asExpected) console.log(run.trouble);
  });
  console.log(`\n${table(runs)}\n`);
  const failed = runs.filter((run) => !run.asExpected);
  const states = runs.filter((run) => !run.isMutation)
    .reduce((sum, run) => sum + run.states, 0);
  console.log(
    `${states.toLocaleString("en")} states in ` +
      `${runs.filter((run) => !run.isMutation).length} worlds; ` +
      `${runs.filter((run) => run.isMutation && run.asExpected).length} of ` +
      `${runs.filter((run) => run.isMutation).length} mutations noticed`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function table(runs: readonly Run[]): string {
  const rows = runs.map((run) => [
    run.isMutation ? `mutation ${run.name}` : run.name,
    run.about,
    run.states.toLocaleString("en"),
    run.broken === null
      ? run.trouble === "" ? "all kept" : "not known"
      : `${run.broken} broken`,
    run.asExpected ? "yes" : "NO",
  ]);
  const head = ["model", "what happens", "states", "promises", "as expected"];
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

await main();
