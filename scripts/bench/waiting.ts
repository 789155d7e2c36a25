/**
 * The section `waiting`: how long writes wait when several processes want to
 * write at once.
 *
 * @module
 */

import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { firstCome, poisson } from "./arrivals.ts";
import { jain, median, quantile, rangeOf } from "./figures.ts";
import { peerFolder, PEERS } from "./peers.ts";
import type { Kind } from "./plot/page.ts";
import { tailPlot } from "./plot/tail.ts";
import {
  type Bench,
  type Report,
  roundsOf,
  type Row,
  type Section,
} from "./section.ts";
import { runWriters, type Write, type Writer } from "./writers.ts";

const PROCESSES = 8;
const PER_SECOND = 200;
const HOLD_MS = 2;
const SECONDS = 8;
const SEEDS = 5;
const OWN: Writer[] = ["litelatch", "writeAsync", "async body", "statement"];
const WAYS: Writer[] = [...OWN, "raw", "better-sqlite3", "backoff"];

/** What one run of one kind came to. */
interface Run {
  latencies: number[];
  /** The mean of each process. */
  means: number[];
  /** From the lock to the commit. */
  hold: number;
  /** CPU time of a write, all that its process did included. */
  cpuMs: number | null;
}

type Runs = Record<Writer | "ideal", Run[]>;

export const waiting: Section = {
  name: "waiting",
  title: "Waiting for one's turn",
  method:
    `${PROCESSES} processes, the runtimes mixed; transactions that hold ` +
    `the lock for ${HOLD_MS} ms; ${PER_SECOND} a second offered in all (40 % ` +
    "load), as open-loop Poisson arrivals, the same ones for each kind; timed " +
    `from the intended start to the commit; ${SEEDS} seeds of ${SECONDS} s, ` +
    "the kinds in turn, all writes pooled; in brackets the range over the " +
    "seeds. litelatch is `write()`, beside `writeAsync()`, with a body " +
    "that awaits too, once their connection is open, and a BEGIN IMMEDIATE run as a plain statement of its " +
    "handle. Raw is a prepared BEGIN IMMEDIATE with busy_timeout 5000; " +
    "better-sqlite3 the same with its timeout 5000, all on Node; backoff asks " +
    "again after a random part of 1, 2, 4 … 100 ms. The ideal is one queue, " +
    "first come first served, without any loss of time, simulated on the same " +
    "arrivals and on the times that litelatch's writes took once they had the " +
    "lock. Jain's index is that of the processes' mean waits. CPU time is that " +
    "of the processes by the number of writes",
  target: "p99 at most 2 × the ideal's, that of async bodies at most 1.5 × " +
    "write's, the longest at most a third of raw's, Jain's index at least 0.98",
  seconds: 335,
  async run(bench) {
    const runs = await measure(bench);
    return {
      ...tableOf(runs),
      plot: plotOf(runs),
      versions: [`better-sqlite3 ${PEERS["better-sqlite3"]}`],
    };
  },
};

async function measure(bench: Bench): Promise<Runs> {
  const runs: Runs = {
    litelatch: [],
    writeAsync: [],
    "async body": [],
    statement: [],
    raw: [],
    "better-sqlite3": [],
    backoff: [],
    ideal: [],
  };
  const peers = peerFolder();
  const seeds = roundsOf(SEEDS, bench.scale, 1);
  for (let seed = 1; seed <= seeds; seed++) {
    const arrivals = poisson({
      seed,
      seconds: SECONDS * Math.min(1, bench.scale * 5),
      processes: PROCESSES,
      perSecond: PER_SECOND,
    });
    for (const how of seed % 2 === 0 ? WAYS : WAYS.toReversed()) {
      bench.progress(`waiting: seed ${seed} of ${seeds}, ${how}`);
      const all = await runWriters(
        runtimesFor(how, bench.runtimes),
        arrivals.map((of) => ({
          how,
          peers,
          arrivals: of,
          seconds: 0,
          holdMs: HOLD_MS,
        })),
      );
      const writes = all.map((one) => one.writes);
      const cpu = all.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
      runs[how].push(summary(writes, cpu / writes.flat().length));
      if (how === "litelatch") {
        runs.ideal.push(summary(firstCome(writes), null));
      }
    }
  }
  return runs;
}

/** better-sqlite3 is an addon of Node's. */
export function runtimesFor(
  how: Writer,
  runtimes: readonly Runtime[],
): readonly Runtime[] {
  if (how !== "better-sqlite3") return runtimes;
  const nodes = runtimes.filter(({ name }) => name === "Node");
  return nodes.length > 0 ? nodes : [pinnedRuntime("node")];
}

function summary(
  all: readonly (readonly Write[])[],
  cpuMs: number | null,
): Run {
  const latency = ({ at, end }: Write) => end - at;
  return {
    latencies: all.flat().map(latency),
    means: all.map((of) =>
      of.map(latency).reduce((a, b) => a + b, 0) / of.length
    ),
    hold: median(all.flat().map(({ got, end }) => end - got)),
    cpuMs,
  };
}

const SHARES: [string, number][] = [
  ["p50", 0.5],
  ["p99", 0.99],
  ["p99.9", 0.999],
  ["longest", 1],
];
const ORDER = [...WAYS, "ideal"] as const;

function pooled(runs: Runs, kind: Writer | "ideal", share: number): number {
  return quantile(runs[kind].flatMap((run) => run.latencies), share);
}

function tableOf(runs: Runs): Pick<Report, "head" | "rows"> {
  const fairness = (kind: Writer | "ideal") =>
    median(runs[kind].map((run) => jain(run.means)));
  const rows: Row[] = ORDER.map((kind) => ({
    cells: [
      kind,
      ...SHARES.map(([, share]) => {
        const each = runs[kind].map((run) => quantile(run.latencies, share));
        return `${pooled(runs, kind, share).toFixed(1)} (${rangeOf(each, 1)})`;
      }),
      fairness(kind).toFixed(3),
      median(runs[kind].map((run) => run.hold)).toFixed(2),
      kind === "ideal"
        ? ""
        : median(runs[kind].map((run) => run.cpuMs ?? NaN)).toFixed(2),
    ],
    reached: OWN.some((own) => own === kind) ? fairness(kind) >= 0.98 : null,
  }));
  const compare = (
    kind: Writer,
    other: Writer | "ideal",
    isReached: (ratios: number[]) => boolean,
  ) => {
    const ratios = SHARES.map(([, share]) =>
      pooled(runs, kind, share) / pooled(runs, other, share)
    );
    const cells = ratios.map((ratio) => ratio.toFixed(2));
    rows.push({
      cells: [`${kind} ÷ ${other}`, ...cells, "", "", ""],
      reached: isReached(ratios),
    });
  };
  compare("litelatch", "ideal", ([, p99]) => p99! <= 2);
  compare("litelatch", "raw", ([, , , longest]) => longest! <= 1 / 3);
  compare("async body", "litelatch", ([, p99]) => p99! <= 1.5);
  const head = ["", ...SHARES.map(([name]) => `${name}, ms`)];
  head.push("Jain's index", "lock held, ms", "CPU per write, ms");
  return { head, rows };
}

const KINDS: Record<Writer | "ideal", Kind> = {
  litelatch: "litelatch",
  writeAsync: "litelatch",
  "async body": "litelatch",
  statement: "litelatch",
  raw: "raw",
  "better-sqlite3": "other",
  backoff: "another",
  ideal: "limit",
};

function plotOf(runs: Runs): string {
  return tailPlot({
    title: `Waits of ${PROCESSES} processes at 40 % load`,
    axis: "from the intended start to the commit, ms",
    series: ORDER.map((kind) => ({
      label: kind,
      kind: KINDS[kind],
      values: runs[kind].flatMap((run) => run.latencies),
    })),
  });
}
