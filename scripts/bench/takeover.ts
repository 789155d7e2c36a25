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
import { pinnedRuntime, type Runtime } from "../runtimes.ts";
import { pause } from "./crew.ts";
import { median, quantile, spread } from "./figures.ts";
import { buildPeers, LOCKERS, peerFolder, versionsOf } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import { Program } from "./program.ts";
import { clock } from "./programs/clock.ts";
import type { LockerName } from "./programs/lockers.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";

const PROGRAM = fileURLToPath(
  new URL("programs/contender.ts", import.meta.url),
);
const ROUNDS = 20;
const MOST_MS = 5;

/** The kernel tells these that a holder is gone; the others wait for a time. */
const BY_KERNEL: readonly LockerName[] = ["litelatch", "fs-ext", "os-lock"];
const SLOW_ROUNDS = 3;

function isSlow({ name }: Contest): boolean {
  return !BY_KERNEL.includes(name);
}

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
    "from kill(holder, SIGKILL) to the moment at which the other has it. It " +
    `is the holder of the next round. ${ROUNDS} rounds for each, in turn; ` +
    `${SLOW_ROUNDS} for those that tell a dead holder only by the age of a ` +
    "file: they are given 2 s, the least that proper-lockfile allows (its " +
    "default is 10 s, that of cross-process-lock 20 minutes, lockfile's never; " +
    "the last two then take it from a living holder as well). " +
    "fs-ext waits inside the kernel, in flock(2): nothing can be sooner, for " +
    "the kernel takes the dead process's memory apart before it closes its " +
    "files",
  target: "litelatch under 5 ms at the median",
  seconds: 100,
  async run(bench) {
    const peers = peerFolder();
    const missing = buildPeers(peers);
    const others = LOCKERS.filter((name) => missing[name] === undefined);
    const contests = contestsOf(bench, others);
    const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
    const running: Program[] = [];
    try {
      const lines = contests.map((contest, i) =>
        new Line(contest, join(folder, `locked-${i}`), peers, running)
      );
      const say = ({ contest: { name, runtime, times } }: Line) =>
        bench.progress(
          `takeover: round ${times.length + 1}, ${name} on ${runtime.label}`,
        );
      // These give a lock away after 2 s though its holder lives, so that a
      // holder must not have to wait for its turn to be killed.
      for (const line of lines.filter(({ contest }) => isSlow(contest))) {
        for (let round = 0; round <= line.contest.rounds; round++) {
          say(line);
          await line.next();
        }
        line.end();
      }
      const quick = lines.filter(({ contest }) => !isSlow(contest));
      for (let round = 0; round <= roundsOf(ROUNDS, bench.scale); round++) {
        for (const line of quick) {
          say(line);
          await line.next();
        }
      }
    } finally {
      for (const program of running) program.kill();
      rmSync(folder, { recursive: true, force: true });
    }
    const dots: Dot[] = contests.map(({ runtime, name, times }) =>
      dot(name, name === "litelatch" ? name : "another", times, runtime.label)
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
  return [
    ...runtimes.map((runtime) => contest(runtime, "litelatch")),
    ...others.map((name) => contest(node, name)),
  ];
}

/** One holder after the other, each killed by us. */
class Line {
  readonly contest: Contest;
  readonly #command: readonly string[];
  readonly #running: Program[];
  #holder: Program | null = null;

  constructor(
    contest: Contest,
    path: string,
    peers: string,
    running: Program[],
  ) {
    writeFileSync(path, "");
    this.contest = contest;
    const { runtime, name } = contest;
    this.#command = [...runtime.command, PROGRAM, peers, name, path];
    this.#running = running;
  }

  /** Starts one that waits, kills the holder, and takes the time. */
  async next(): Promise<void> {
    const program = new Program(this.#command);
    this.#running.push(program);
    await program.line();
    if (this.#holder !== null) {
      // So that it waits indeed, and not only is about to.
      await pause(50);
      const killed = clock();
      this.#holder.kill();
      this.contest.times.push(Number(await program.line()) - killed);
    } else await program.line();
    this.#holder = program;
  }

  /** Ends the last holder. */
  end(): void {
    this.#holder?.kill();
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
