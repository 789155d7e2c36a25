/**
 * The section `standby`: what it costs to wait for a lock for long, and how soon
 * the one that waited has it then.
 *
 * @module
 */

import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { pause } from "./crew.ts";
import { median, quantile, rangeOf } from "./figures.ts";
import { buildPeers, LOCKERS, peerFolder, versionsOf } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import { Program } from "./program.ts";
import { clock } from "./programs/clock.ts";
import { type LockerName, TIMER_MS } from "./programs/lockers.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";

const PROGRAM = fileURLToPath(
  new URL("programs/contender.ts", import.meta.url),
);
/** From then on litelatch is a standby. */
const SETTLED_MS = 11_000;
const MEASURED_MS = 20_000;
const ROUNDS = 3;
const MOST_CPU = 0.2;
const MOST_MS = 100;

/**
 * The one of npm that asks again and again, and leaves a living holder alone;
 * and the least that does, of SQLite's lock and a timer.
 */
const OTHERS: readonly LockerName[] = ["proper-lockfile", "BEGIN EXCLUSIVE"];

/** A holder, one that waits for it, and what came of it in each round. */
interface Pair {
  readonly runtime: Runtime;
  readonly name: LockerName;
  readonly cpu: number[];
  readonly takeover: number[];
}

export const standby: Section = {
  name: "standby",
  title: "Waiting for a lock for long",
  method: "One process has the lock, another waits for it. CPU time of the " +
    `one that waits, all its threads, over ${MEASURED_MS / 1000} s after ` +
    `${SETTLED_MS / 1000} s, as the kernel counts it (/proc), all pairs at ` +
    "once; then, one pair after the other, the time from kill(holder, " +
    `SIGKILL) to the moment at which the other has it. ${ROUNDS} rounds. ` +
    "proper-lockfile asks once a millisecond and takes a holder for dead " +
    "after 2 s, as in the section `takeover`; BEGIN EXCLUSIVE is SQLite's " +
    `alone, asked every ${TIMER_MS} ms by a timer, without a pidfile`,
  target: `litelatch under ${MOST_CPU} % of a core, and within ${MOST_MS} ms`,
  seconds: 110,
  async run(bench) {
    const peers = peerFolder();
    const missing = buildPeers(peers);
    const others = OTHERS.filter((name) => missing[name] === undefined);
    const pairs = pairsOf(bench, others);
    const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
    const rounds = roundsOf(ROUNDS, bench.scale, 1);
    try {
      for (let round = 0; round < rounds; round++) {
        bench.progress(`standby: round ${round + 1} of ${rounds}`);
        const kills = await Promise.all(pairs.map((pair, i) => {
          const path = join(folder, `locked-${round}-${i}`);
          return watch(pair, path, peers, bench.scale);
        }));
        for (const kill of kills) await kill();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const dots: Dot[] = pairs.map(({ runtime, name, cpu }) => {
      const kind = isOurs(name) ? "litelatch" : "another";
      return dot(name, kind, cpu, runtime.label);
    });
    return {
      head: ["runtime", "", "% of a core", "then the lock after, ms"],
      rows: pairs.map(rowOf),
      plot: dotPlot({
        title: standby.title,
        axis: "% of a core while it waits: median and middle half",
        dots,
        scale: "logarithmic",
        target: { value: MOST_CPU, label: `target ${MOST_CPU} %` },
      }),
      versions: versionsOf(LOCKERS.filter((name) => others.includes(name))),
    };
  },
};

function isOurs(name: LockerName): boolean {
  return name === "litelatch" || name === "litelatch async";
}

function pairsOf({ runtimes }: Bench, others: readonly LockerName[]): Pair[] {
  const pair = (runtime: Runtime, name: LockerName): Pair => ({
    runtime,
    name,
    cpu: [],
    takeover: [],
  });
  return [
    ...runtimes.flatMap((runtime) => [
      pair(runtime, "litelatch"),
      pair(runtime, "litelatch async"),
    ]),
    ...others.map((name) => pair(pinnedRuntime("node"), name)),
  ];
}

/** Plays one round, up to the kill, which it returns. */
async function watch(
  { runtime, name, cpu, takeover }: Pair,
  path: string,
  peers: string,
  scale: number,
): Promise<() => Promise<void>> {
  writeFileSync(path, "");
  const start = () =>
    new Program([...runtime.command, PROGRAM, peers, name, path]);
  const [holder, waiting] = [start(), start()];
  await Promise.all([holder.line(), waiting.line()]);
  holder.say("go");
  await holder.line();
  waiting.say("go");
  await pause(SETTLED_MS);
  const before = cpuOf(waiting.pid);
  const span = MEASURED_MS * Math.min(1, scale);
  await pause(span);
  cpu.push((cpuOf(waiting.pid) - before) / span * 100);
  return async () => {
    const killed = clock();
    holder.kill();
    takeover.push(Number(await waiting.line()) - killed);
    waiting.kill();
  };
}

/** Milliseconds that all threads of a process have run. */
function cpuOf(pid: number): number {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).reduce((sum, thread) => {
    const [nanoseconds = ""] = readFileSync(
      `${threads}/${thread}/schedstat`,
      "utf8",
    ).split(" ");
    return sum + Number(nanoseconds) / 1e6;
  }, 0);
}

function rowOf({ runtime, name, cpu, takeover }: Pair): Row {
  const longest = quantile(takeover, 1);
  return {
    cells: [
      runtime.label,
      name,
      `${median(cpu).toFixed(2)} (${rangeOf(cpu, 2)})`,
      `${median(takeover).toFixed(0)}, at most ${longest.toFixed(0)}`,
    ],
    reached: isOurs(name) ? median(cpu) < MOST_CPU && longest < MOST_MS : null,
  };
}
