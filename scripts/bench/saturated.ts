/**
 * The section `saturated`: what is left of the throughput when every process
 * always wants to write, and how long the unlucky wait.
 *
 * @module
 */

import { jain, median, quantile } from "./figures.ts";
import { peerFolder, PEERS } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Kind } from "./plot/page.ts";
import {
  type Bench,
  type Report,
  roundsOf,
  type Row,
  type Section,
} from "./section.ts";
import { runtimesFor } from "./waiting.ts";
import { runWriters, type Writer } from "./writers.ts";

const PROCESSES = 8;
const SECONDS = 3;
const ROUNDS = 5;

/** Transactions of one length, and who is compared at it. */
interface Load {
  readonly holdMs: number;
  readonly name: string;
  readonly ways: readonly Writer[];
}

const LOADS: readonly Load[] = [
  {
    holdMs: 2,
    name: "2 ms each",
    ways: ["litelatch", "writeAsync", "raw", "better-sqlite3", "backoff"],
  },
  {
    holdMs: 0,
    name: "one row each",
    ways: ["litelatch", "writeAsync", "raw"],
  },
];

/** What the rounds of one kind at one load came to. */
interface Seen {
  readonly perSecond: number[];
  /** From asking to having the lock, in milliseconds. */
  readonly longest: number[];
  readonly p99: number[];
  readonly fairness: number[];
}

export const saturated: Section = {
  name: "saturated",
  title: "Everybody writes all the time",
  method: `${PROCESSES} processes, the runtimes mixed, each with its next ` +
    "write as soon as the one before is committed; transactions that hold the " +
    "lock for 2 ms, and such that insert one row and end; " +
    `${ROUNDS} rounds of ${SECONDS} s, the kinds in turn; median and, in ` +
    "brackets, the range. The wait is from asking to having the lock. Jain's " +
    "index is that of the processes' numbers of writes. Raw, better-sqlite3 " +
    "and backoff are those of the section `waiting`",
  target: "at least 0.9 × the throughput of raw, the longest wait at most a " +
    "third of raw's, Jain's index at least 0.98",
  seconds: 135,
  async run(bench) {
    const rows: Row[] = [];
    const dots: Dot[] = [];
    for (const load of LOADS) {
      const seen = await measure(bench, load);
      for (const way of load.ways) {
        rows.push(rowOf(load, way, seen));
        const group = `writes, ${load.name}`;
        dots.push(dot(way, KINDS[way], seen[way].longest, group));
      }
    }
    return {
      head: HEAD,
      rows,
      plot: dotPlot({
        title: `${saturated.title}: who waits longest`,
        axis: "longest wait of a round, ms: median and middle half",
        dots,
        scale: "logarithmic",
      }),
      versions: [`better-sqlite3 ${PEERS["better-sqlite3"]}`],
    } satisfies Report;
  },
};

const KINDS: Record<Writer, Kind> = {
  litelatch: "litelatch",
  writeAsync: "litelatch",
  "async body": "litelatch",
  statement: "litelatch",
  raw: "raw",
  "better-sqlite3": "other",
  backoff: "another",
};

async function measure(
  bench: Bench,
  { holdMs, name, ways }: Load,
): Promise<Record<Writer, Seen>> {
  const nothing = (): Seen => ({
    perSecond: [],
    longest: [],
    p99: [],
    fairness: [],
  });
  const seen: Record<Writer, Seen> = {
    litelatch: nothing(),
    writeAsync: nothing(),
    "async body": nothing(),
    statement: nothing(),
    raw: nothing(),
    "better-sqlite3": nothing(),
    backoff: nothing(),
  };
  const peers = peerFolder();
  const rounds = roundsOf(ROUNDS, bench.scale);
  const seconds = SECONDS * Math.min(1, bench.scale * 5);
  for (let round = 0; round < rounds; round++) {
    for (const how of round % 2 === 0 ? ways : ways.toReversed()) {
      bench.progress(`saturated: ${name}, ${round + 1} of ${rounds}, ${how}`);
      const task = { how, peers, arrivals: null, seconds, holdMs };
      const all = await runWriters(
        runtimesFor(how, bench.runtimes),
        Array.from({ length: PROCESSES }, () => task),
      );
      const waits = all.flatMap(({ writes }) =>
        writes.map(({ at, got }) => got - at)
      );
      const of = seen[how];
      of.perSecond.push(waits.length / seconds);
      of.longest.push(quantile(waits, 1));
      of.p99.push(quantile(waits, 0.99));
      of.fairness.push(jain(all.map(({ writes }) => writes.length)));
    }
  }
  return seen;
}

const HEAD = [
  "transactions",
  "",
  "writes per second",
  "÷ raw",
  "p99 wait, ms",
  "longest wait, ms",
  "÷ raw",
  "Jain's index",
];

function rowOf(
  { name }: Load,
  way: Writer,
  seen: Record<Writer, Seen>,
): Row {
  const own = seen[way];
  const ratio = (of: (seen: Seen) => number[]) =>
    median(of(own)) / median(of(seen.raw));
  const throughput = ratio((one) => one.perSecond);
  const longest = ratio((one) => one.longest);
  const fairness = median(own.fairness);
  return {
    cells: [
      name,
      way,
      ranged(own.perSecond),
      throughput.toFixed(2),
      ranged(own.p99),
      ranged(own.longest),
      longest.toFixed(2),
      fairness.toFixed(3),
    ],
    reached: way === "litelatch"
      ? throughput >= 0.9 && longest <= 1 / 3 && fairness >= 0.98
      : null,
  };
}

function ranged(values: readonly number[]): string {
  const [low, middle, high] = [
    Math.min(...values),
    median(values),
    Math.max(...values),
  ].map((value) => value.toFixed(value < 10 ? 1 : 0));
  return `${middle} (${low}–${high})`;
}
