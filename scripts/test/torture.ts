/**
 * The short form of `deno task torture`. Each storm counts as one.
 *
 * @module
 */

import process from "node:process";
import type { Runtime } from "../runtimes/runtimes.ts";
import { seedOf } from "../torture/arguments.ts";
import { files } from "../torture/files.ts";
import { report } from "../torture/report.ts";
import type { Result } from "../torture/run.ts";
import { torture } from "../torture/session.ts";
import { COUNTS } from "../torture/storm.ts";
import { STORMS } from "../torture/storms.ts";
import type { Tally } from "./tally.ts";

const SECONDS = 60;
// The same choices every time: what nobody has seen before is for the long
// form to find, not for a build that has to say whether a change is good.
const SEED = "1";

/**
 * Runs all storms that this machine allows, a minute in all.
 *
 * @throws {Error} When `LITELATCH_SEED` is no seed.
 */
export async function runTorture(
  runtimes: readonly Runtime[],
  tally: Tally,
): Promise<void> {
  const seed = seedOf(process.env["LITELATCH_SEED"] ?? SEED);
  const results = await torture({
    // One round in some two hundred finds what is open (docs/lost-locks.md, "What
    // it cannot do"): too many for a build that has to say whether a change is good.
    storms: STORMS.filter((storm) => storm !== files),
    seconds: SECONDS,
    seed,
    runtimes,
    isStopped: () => false,
    onTick: (result, _, over) => {
      if (over) tell(result, seed, tally);
    },
  });
  for (const { storm, skipped } of results) {
    if (skipped !== null) tally.note(`skipped ${storm.name}: ${skipped}`);
  }
}

function tell(result: Result, seed: number, tally: Tally): void {
  const { storm, seconds, counts, breaches } = result;
  if (breaches.length > 0) {
    const all = report([result], seed).join("\n");
    return tally.fail("torture", `${storm.name}, seed ${seed}`, all);
  }
  const numbers = COUNTS.filter((count) => counts[count] > 0)
    .map((count) => `${counts[count].toLocaleString("en-US")} ${count}`);
  tally.pass(
    `${storm.name}: ${numbers.join(", ")}  (${seconds.toFixed(1)} s)`,
  );
}
