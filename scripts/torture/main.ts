/**
 * `deno task torture`: real processes, killed, frozen, refused and cut from
 * power, and judged from outside.
 *
 * @module
 */

import process from "node:process";
import {
  anyRuntime,
  pinnedRuntime,
  type Runtime,
} from "../runtimes/runtimes.ts";
import { help, readArguments, type Wishes } from "./arguments.ts";
import { endChildren } from "./children.ts";
import { startProgress } from "./progress.ts";
import { report } from "./report.ts";
import { abandon, torture } from "./session.ts";
import { STORMS } from "./storms.ts";

/** Exit codes: 0 kept, 1 broken, 2 not understood, 130 Ctrl-C. */
async function main(): Promise<void> {
  let wishes: Wishes;
  try {
    const names = STORMS.map(({ name }) => name);
    wishes = readArguments(process.argv.slice(2), names);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
  if (wishes.help) return console.log(help(STORMS));
  // Other users play a part, and could not reach what is made under 077.
  process.umask(0o022);
  const { seed, minutes, storms } = wishes;
  const runtimes = findRuntimes();
  const time = minutes === 1 ? "a minute" : `${minutes} minutes`;
  console.log(
    `${time} on ${runtimes.map(({ label }) => label).join(", ")}; ` +
      `seed ${seed}\n`,
  );
  let stopped = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (++stopped > 1) {
        abandon();
        process.exit(130);
      }
      void endChildren();
    });
  }
  const results = await torture({
    storms: STORMS.filter(({ name }) =>
      storms.length === 0 || storms.includes(name)
    ),
    seconds: minutes * 60,
    seed,
    runtimes,
    isStopped: () => stopped > 0,
    onTick: startProgress(),
  });
  console.log(`\n${report(results, seed).join("\n")}`);
  if (stopped > 0) process.exit(130);
  const broken = results.some(({ breaches }) => breaches.length > 0);
  const played = results.some(({ skipped }) => skipped === null);
  process.exit(broken ? 1 : played ? 0 : 2);
}

/** Any supported version of each, and the oldest one where it can be had. */
function findRuntimes(): Runtime[] {
  const runtimes = ["deno", "bun", "node"].map(anyRuntime);
  try {
    runtimes.push(pinnedRuntime("node22"));
  } catch (error) {
    console.error(
      `Not on Node 22: ${error instanceof Error ? error.message : error}`,
    );
  }
  return runtimes;
}

await main();
