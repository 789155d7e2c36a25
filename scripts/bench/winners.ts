/**
 * The section `winners`: how often a lock that one may have has two holders.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { pause, runCrew } from "./crew.ts";
import { buildPeers, LOCKERS, peerFolder, versionsOf } from "./peers.ts";
import { type Dot, dotPlot } from "./plot/dots.ts";
import type { LockerName } from "./programs/lockers.ts";
import type { Race } from "./programs/racer.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";

const PROGRAM = fileURLToPath(new URL("programs/racer.ts", import.meta.url));
const CONTENDERS = 8;
const ROUNDS = 100;
const EVERY_MS = 20;
/** A little more than `STALE_MS`. */
const STALE_WAIT_MS = 2_300;

/** How the rounds of one kind ended. */
interface Outcome {
  readonly name: LockerName;
  readonly state: "cold" | "stale";
  readonly one: number;
  readonly several: number;
  readonly nobody: number;
}

export const winners: Section = {
  name: "winners",
  title: "Two holders of one lock",
  method: `${CONTENDERS} processes try for the same lock at the same moment, ` +
    `each once, ${ROUNDS} rounds on a lock each; whoever wins holds it until ` +
    "all rounds are over, so two winners have it at once, and the starter " +
    "counts them. Cold is a lock that nobody ever held; stale is one whose " +
    "holder was killed with SIGKILL 2.3 s ago, the packages that go by age " +
    "being told that 2 s are enough. litelatch on mixed runtimes, the others " +
    "on Node",
  target: "litelatch: one winner in every round",
  seconds: 80,
  async run(bench) {
    const peers = peerFolder();
    const missing = buildPeers(peers);
    const others = LOCKERS.filter((name) => missing[name] === undefined);
    const outcomes: Outcome[] = [];
    for (const state of ["cold", "stale"] as const) {
      for (const name of ["litelatch", ...others] as const) {
        bench.progress(`winners: ${state}, ${name}`);
        outcomes.push(await race(bench, name, state, peers));
      }
    }
    return {
      head: ["lock", "", "one winner", "two or more", "nobody"],
      rows: [
        ...outcomes.map(rowOf),
        ...Object.entries(missing).map(([name, why]): Row => ({
          cells: ["", name, `not measured: ${why}`, "", ""],
          reached: null,
        })),
      ],
      plot: dotPlot({
        title: winners.title,
        axis: `rounds with two or more winners, of ${
          roundsOf(ROUNDS, bench.scale)
        }`,
        dots: outcomes.map((outcome): Dot => ({
          label: outcome.name,
          kind: outcome.name === "litelatch" ? "litelatch" : "another",
          low: outcome.several,
          middle: outcome.several,
          high: outcome.several,
          group: `${outcome.state} lock`,
        })),
      }),
      versions: versionsOf(others),
    };
  },
};

async function race(
  { runtimes, scale }: Bench,
  name: LockerName,
  state: Outcome["state"],
  peers: string,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
  try {
    const rounds = roundsOf(ROUNDS, scale);
    const paths = Array.from({ length: rounds }, (_, i) => {
      const path = join(folder, `locked-${i}`);
      writeFileSync(path, "");
      return path;
    });
    const on = name === "litelatch" ? runtimes : [pinnedRuntime("node")];
    const task: Race = { name, peers, paths, everyMs: EVERY_MS, holdMs: 500 };
    if (state === "stale") {
      const holder = { ...task, everyMs: 0, holdMs: 100 };
      const [held] = await crewOf(join(folder, "holder"), on, [holder]);
      if (!held?.every((one) => one)) {
        throw new Error(`${name}: the holder did not get every lock`);
      }
      await pause(STALE_WAIT_MS);
    }
    const tasks = Array.from({ length: CONTENDERS }, () => task);
    const won = await crewOf(join(folder, "race"), on, tasks);
    const counts = paths.map((_, round) =>
      won.filter((one) => one[round] === true).length
    );
    const rated = (fits: (count: number) => boolean) =>
      counts.filter(fits).length;
    return {
      name,
      state,
      one: rated((count) => count === 1),
      several: rated((count) => count > 1),
      nobody: rated((count) => count === 0),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function crewOf(
  folder: string,
  runtimes: readonly Runtime[],
  tasks: readonly Race[],
): Promise<boolean[][]> {
  mkdirSync(folder);
  const members = tasks.map((task, i) => ({
    command: [...runtimes[i % runtimes.length]!.command, PROGRAM],
    task,
  }));
  return await runCrew(folder, members) as boolean[][];
}

function rowOf({ name, state, one, several, nobody }: Outcome): Row {
  return {
    cells: [state, name, ...[one, several, nobody].map(String)],
    reached: name === "litelatch" ? several === 0 && nobody === 0 : null,
  };
}
