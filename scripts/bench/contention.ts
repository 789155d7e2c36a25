/**
 * The section `contention`: how much of the time a lock is in use that many
 * want.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { runCrew } from "./crew.ts";
import { median, quantile, rangeOf } from "./figures.ts";
import { buildPeers, peerFolder, versionsOf } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Held, Holding } from "./programs/holding.ts";
import type { LockerName } from "./programs/lockers.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";

const PROGRAM = fileURLToPath(new URL("programs/holding.ts", import.meta.url));
const HOLD_MS = 5;
const PAUSE_MS = 1;
const SPAN_MS = 4_000;
const ROUNDS = 2;

/** How many contend, and the share of the time that is to be reached. */
const CROWDS = [{ size: 32, target: 80 }, { size: 64, target: 70 }];

/** Of npm: one that waits by itself, and fcntl(2) alone. */
const OTHERS = ["proper-lockfile", "os-lock"] as const;

/** A crowd of one kind, and what came of it in each round. */
interface Crowd {
  readonly runtime: Runtime;
  readonly name: LockerName;
  readonly polls: boolean;
  readonly size: number;
  readonly target: number;
  /** In percent of the time. */
  readonly used: number[];
  readonly longest: number[];
  /** Of all of them together, in percent of a core. */
  readonly cpu: number[];
}

export const contention: Section = {
  name: "contention",
  title: "Many want one lock",
  method:
    `${CROWDS.map(({ size }) => size).join(" and ")} processes want the ` +
    `same exclusive lock; each holds it for ${HOLD_MS} ms, and asks again ` +
    `${PAUSE_MS} ms after it. How much of ${
      SPAN_MS / 1000
    } s the lock is held ` +
    "in this sense, without the time that it takes to take it and to let it " +
    "go; the longest wait; and the CPU time of all of them. BEGIN EXCLUSIVE is " +
    "SQLite's alone, on a connection that stays open, and os-lock is fcntl(2); " +
    "both are tried every 1 to 2 ms, without a pidfile. proper-lockfile waits " +
    `in its own way, asking once a millisecond. ${ROUNDS} rounds, all in turn`,
  target: CROWDS.map(({ size, target }) => `${target} % with ${size}`)
    .join(", "),
  seconds: 400,
  async run(bench) {
    const peers = peerFolder();
    const missing = buildPeers(peers);
    const others = OTHERS.filter((name) => missing[name] === undefined);
    const crowds = crowdsOf(bench, others);
    const rounds = roundsOf(ROUNDS, bench.scale, 1);
    for (let round = 0; round < rounds; round++) {
      for (const crowd of crowds) {
        const { size, name, runtime } = crowd;
        bench.progress(
          `contention: round ${
            round + 1
          }, ${size} × ${name} on ${runtime.label}`,
        );
        await contend(crowd, peers, SPAN_MS * Math.min(1, bench.scale * 2));
      }
    }
    return {
      head: ["processes", "runtime", "", ...COLUMNS],
      rows: crowds.map(rowOf),
      plot: dotPlot({
        title: contention.title,
        axis: "share of the time in which the lock is held, %",
        dots: crowds.map(({ size, runtime, name, used }): Dot =>
          dot(
            `${name}, ${runtime.label}`,
            name === "litelatch"
              ? "litelatch"
              : name === "BEGIN EXCLUSIVE"
              ? "raw"
              : "another",
            used,
            `${size} processes`,
          )
        ),
      }),
      versions: versionsOf(others),
    };
  },
};

const COLUMNS = ["held, %", "longest wait, ms", "CPU, % of a core"];

function crowdsOf(
  { runtimes }: Bench,
  others: readonly (typeof OTHERS)[number][],
): Crowd[] {
  const node = pinnedRuntime("node");
  return CROWDS.flatMap(({ size, target }) => {
    const crowd = (runtime: Runtime, name: LockerName, polls = false) => ({
      ...{ runtime, name, polls, size, target },
      ...{ used: [], longest: [], cpu: [] },
    });
    return [
      ...runtimes.map((runtime) => crowd(runtime, "litelatch")),
      crowd(node, "BEGIN EXCLUSIVE", true),
      ...others.map((name) => crowd(node, name, name === "os-lock")),
    ];
  });
}

/** Plays one round. */
async function contend(
  { runtime, name, polls, size, used, longest, cpu }: Crowd,
  peers: string,
  spanMs: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
  try {
    const path = join(folder, "locked");
    writeFileSync(path, "");
    const times = { holdMs: HOLD_MS, pauseMs: PAUSE_MS, spanMs };
    const task: Holding = { name, peers, path, polls, ...times };
    const command = [...runtime.command, PROGRAM];
    const crew = Array.from({ length: size }, () => ({ command, task }));
    const all = await runCrew(folder, crew) as Held[];
    const sum = (of: (one: Held) => number) =>
      all.reduce((sum, one) => sum + of(one), 0);
    used.push(sum(({ holds }) => holds * HOLD_MS) / spanMs * 100);
    longest.push(quantile(all.map(({ longestMs }) => longestMs), 1));
    cpu.push(sum(({ cpuMs }) => cpuMs) / spanMs * 100);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowOf(
  { size, target, runtime, name, used, longest, cpu }: Crowd,
): Row {
  const ranged = (values: number[]) =>
    `${median(values).toFixed(0)} (${rangeOf(values, 0)})`;
  return {
    cells: [
      String(size),
      runtime.label,
      name,
      ...[used, longest, cpu].map(ranged),
    ],
    reached: name === "litelatch" ? median(used) >= target : null,
  };
}
