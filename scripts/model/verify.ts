/**
 * Checks one setting of a model with spin: every state that can be reached.
 *
 * @module
 */

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "../test/child.ts";
import { MUTATIONS, type Promised, type World, WORLDS } from "./worlds.ts";

/** What spin found. */
export interface Finding {
  states: number;
  /** The promise that was broken first; `null` for none. */
  broken: Promised | null;
  /** Why nothing is known, or how the promise was broken; or empty. */
  trouble: string;
}

/** One run, and what was expected of it. */
export interface Run extends Finding {
  name: string;
  about: string;
  isMutation: boolean;
  expected: Promised | null;
  seconds: number;
  asExpected: boolean;
}

const MODELS = fileURLToPath(new URL("./", import.meta.url));
const SHORT = 5 * 60_000;
const LONG = 60 * 60_000;

/** Runs every world and every mutation; `tell` hears of each as it ends. */
export async function verifyAll(
  { long = false }: { long?: boolean },
  tell: (run: Run) => void = () => {},
): Promise<Run[]> {
  const tasks = [
    ...WORLDS.filter((world) => long || !world.long)
      .map((world) => () => verifyWorld(world)),
    ...MUTATIONS.map((mutation) => ({
      ...mutation,
      base: find(mutation.world),
    }))
      .filter(({ base }) => long || !base.long)
      .map(({ base, name, breaks }) => () => verifyWorld(base, name, breaks)),
  ];
  const runs: Run[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let own = next++; own < tasks.length; own = next++) {
      const run = await tasks[own]!();
      runs[own] = run;
      tell(run);
    }
  };
  const workers = long ? 1 : Math.min(availableParallelism(), 4);
  await Promise.all(Array.from({ length: workers }, work));
  return runs;
}

function find(name: string): World {
  const world = WORLDS.find((other) => other.name === name);
  if (world === undefined) throw new Error(`No world is called "${name}"`);
  return world;
}

async function verifyWorld(
  world: World,
  mutation?: string,
  expected: Promised | null = null,
): Promise<Run> {
  const started = performance.now();
  const finding = await search(world, mutation);
  return {
    ...finding,
    name: mutation ?? world.name,
    about: mutation === undefined ? world.about : `in "${world.name}"`,
    isMutation: mutation !== undefined,
    expected,
    seconds: (performance.now() - started) / 1000,
    asExpected: finding.broken === expected &&
      (expected !== null || finding.trouble === ""),
  };
}

async function search(world: World, mutation?: string): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-model-"));
  const inFolder = (line: string) =>
    runChild(
      ["sh", "-c", `cd "$0" && ${line}`, folder],
      world.long ? LONG : SHORT,
    );
  try {
    copyFileSync(join(MODELS, world.file), join(folder, world.file));
    const flags = [...world.flags, ...mutation ? [`MUTATE_${mutation}`] : []]
      .map((flag) => `-D${flag}`).join(" ");
    // A small search takes less time than to compile it, and partial order
    // reduction is half of the code but saves few of these states.
    const pan = world.long
      ? "-O2 -DCOLLAPSE -DMEMLIM=12000"
      : `${world.name === "three" ? "-O1" : "-O0"} -DNOREDUCE -DMEMLIM=2000`;
    const built = await inFolder(
      `spin -a ${flags} ${world.file} && ` +
        `gcc -w -DSAFETY -DNOFAIR ${pan} -o pan pan.c`,
    );
    if (built.code !== 0) {
      return { states: 0, broken: null, trouble: `no model: ${built.output}` };
    }
    // The same for the table of states: 2^24 places take 0.1 s to clear.
    const size = world.long ? "-m8000000" : "-m1500000 -w20";
    const searched = await inFolder(`./pan -n ${size}`);
    const finding = readFinding(searched.output);
    if (finding.broken !== null && mutation === undefined) {
      const trail = await inFolder(
        `spin -t -p -g ${flags} ${world.file} | tail -n 80`,
      );
      finding.trouble += `\n${trail.output}`;
    }
    return finding;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads what `pan` prints; whatever is not a whole search is trouble. */
export function readFinding(output: string): Finding {
  const states = Number(/(\S+) states, stored/.exec(output)?.[1] ?? 0);
  const violation = /^pan:1: (.*)$/m.exec(output)?.[1];
  if (violation !== undefined) {
    return { states, broken: promiseOf(violation), trouble: violation };
  }
  const whole = /errors: 0$/m.test(output) && states > 0 &&
    !/max search depth too small|out of memory|Search not completed/.test(
      output,
    );
  const trouble = whole ? "" : `the search was not whole: ${output}`;
  return { states, broken: null, trouble };
}

/** By the variables that an assertion speaks of. */
function promiseOf(violation: string): Promised {
  if (/holds/.test(violation)) return "EXCLUSION";
  if (/solo|waited|invalid end state/.test(violation)) return "PROGRESS";
  return /shared_write|shared_read|named|excluded/.test(violation)
    ? "REFUSAL"
    : "RECORDS";
}
