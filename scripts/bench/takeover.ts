/**
 * The section `takeover`: how soon the next one has the lock of a holder that
 * is killed.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { pause } from "./crew.ts";
import { median, quantile, spread } from "./figures.ts";
import { buildPeers, LOCKERS, peerFolder, versionsOf } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Kind } from "./plot/page.ts";
import { Program } from "./program.ts";
import { clock } from "./programs/clock.ts";
import type { LockerName } from "./programs/lockers.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";

const PROGRAM = fileURLToPath(
  new URL("programs/contender.ts", import.meta.url),
);
const ROUNDS = 15;
const MOST_MS = 5;

/** The kernel tells these that a holder is gone; the others wait for a time. */
const BY_KERNEL: readonly LockerName[] = [
  "litelatch",
  "kernel",
  "fs-ext",
  "os-lock",
];
const SLOW_ROUNDS = 3;

interface Contest {
  readonly runtime: Runtime;
  readonly name: LockerName;
  readonly rounds: number;
  readonly times: number[];
}

export const takeover: Section = {
  name: "takeover",
  title: "The lock of a killed holder",
  method: "One process has the lock, another of the same kind waits for it; " +
    "from kill(holder, SIGKILL) to the moment at which the other has it. " +
    `${ROUNDS} rounds for each, in turn; ` +
    `${SLOW_ROUNDS} for those that tell a dead holder only by the age of a ` +
    "file: they are given 2 s, the least that proper-lockfile allows (its " +
    "default is 10 s, that of cross-process-lock 20 minutes, lockfile's never; " +
    "the last two then take it from a living holder as well). The kernel is " +
    "the limit: the holder is litelatch's, and os-lock on Node waits in " +
    "fcntl(2) for the very bytes that it has locked. The kernel takes a dead " +
    "process's memory apart before it lets its locks go",
  target: "litelatch under 5 ms at the median",
  seconds: 120,
  async run(bench) {
    const peers = peerFolder();
    const missing = buildPeers(peers);
    const others = LOCKERS.filter((name) => missing[name] === undefined);
    const contests = contestsOf(bench, others);
    const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
    const usual = roundsOf(ROUNDS, bench.scale);
    try {
      for (let round = 0; round < usual; round++) {
        for (const [i, contest] of contests.entries()) {
          const { name, runtime, rounds, times } = contest;
          if (round >= rounds) continue;
          bench.progress(
            `takeover: round ${round + 1}, ${name} on ${runtime.label}`,
          );
          const path = join(folder, `locked-${round}-${i}`);
          times.push(await kill(contest, path, peers));
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const dots: Dot[] = contests.map(({ runtime, name, times }) =>
      dot(name, KINDS[name] ?? "another", times, runtime.label)
    );
    return {
      head: ["runtime", "", "median, ms", "longest, ms", "rounds"],
      rows: [
        ...contests.map(rowOf),
        ...Object.entries(missing).map(([name, why]): Row => ({
          cells: ["Node", name, `not measured: ${why}`, "", ""],
          reached: null,
        })),
      ],
      plot: dotPlot({
        title: takeover.title,
        axis: "from the kill to the next holder, ms: median and middle half",
        dots,
        scale: "logarithmic",
        target: { value: MOST_MS, label: `target ${MOST_MS} ms` },
      }),
      versions: versionsOf(others),
    };
  },
};

const KINDS: Partial<Record<LockerName, Kind>> = {
  litelatch: "litelatch",
  kernel: "limit",
};

function contestsOf(
  { runtimes, scale }: Bench,
  others: readonly LockerName[],
): Contest[] {
  const node = pinnedRuntime("node");
  const usual = roundsOf(ROUNDS, scale);
  const contest = (runtime: Runtime, name: LockerName): Contest => ({
    runtime,
    name,
    rounds: BY_KERNEL.includes(name) ? usual : Math.min(SLOW_ROUNDS, usual),
    times: [],
  });
  const withKernel = others.includes("os-lock");
  return [
    ...runtimes.flatMap((runtime) => [
      contest(runtime, "litelatch"),
      ...(withKernel ? [contest(runtime, "kernel")] : []),
    ]),
    ...others.map((name) => contest(node, name)),
  ];
}

/** Plays one round: a new holder, one that waits, and the kill. */
async function kill(
  { runtime, name }: Contest,
  path: string,
  peers: string,
): Promise<number> {
  writeFileSync(path, "");
  const start = ({ command }: Runtime, how: LockerName) =>
    new Program([...command, PROGRAM, peers, how, path]);
  const [holder, waiting] = name === "kernel"
    ? [start(runtime, "litelatch"), start(pinnedRuntime("node"), name)]
    : [start(runtime, name), start(runtime, name)];
  try {
    // Both are started before one holds: some packages give a lock away after
    // 2 s though its holder lives.
    await Promise.all([holder.line(), waiting.line()]);
    holder.say("go");
    await holder.line();
    waiting.say("go");
    // So that it waits indeed, and not only is about to.
    await pause(50);
    const killed = clock();
    holder.kill();
    return Number(await waiting.line()) - killed;
  } finally {
    holder.kill();
    waiting.kill();
  }
}

function rowOf({ runtime, name, rounds, times }: Contest): Row {
  return {
    cells: [
      runtime.label,
      name,
      spread(times, 1),
      quantile(times, 1).toFixed(1),
      String(rounds),
    ],
    reached: name === "litelatch" ? median(times) < MOST_MS : null,
  };
}
