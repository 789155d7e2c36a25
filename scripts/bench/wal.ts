/**
 * The section `wal`: how large the WAL gets, and what keeping it small costs
 * the writers.
 *
 * @module
 */

import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { median } from "./figures.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";
import {
  HEARTBEAT_MS,
  LIMIT,
  play,
  type Played,
  SCENES,
  type WalKind,
} from "./wal_scenes.ts";

const MIB = 1024 * 1024;
const SECONDS = 5;
const ROUNDS = 3;
const KINDS: readonly WalKind[] = ["raw", "litelatch"];
const [SHORT, PINNED] = Object.keys(SCENES);

export const wal: Section = {
  name: "wal",
  title: "How large the WAL gets",
  method: `journal_size_limit ${LIMIT / MIB} MiB, each commit 40 KB, ` +
    `heartbeat ${HEARTBEAT_MS} ms; ${ROUNDS} rounds of ${SECONDS} s for each, ` +
    "the kinds in turn, the writer on another runtime in each round, the " +
    "readers on the others; median and, in brackets, the range. Raw is " +
    "SQLite's autocheckpoint with the same limit. Peak and rest are multiples " +
    "of the limit; rest is one heartbeat after the last reader ended. The " +
    "first writer writes without a pause, the others with one of 5 or 10 ms. " +
    "No Node 22: its SQLite has the WAL-reset bug and gets no checkpoints of " +
    "ours",
  target:
    "short readers: peak at most 3.5 ×, rest at most 1 ×, longest write " +
    "under 200 ms; a pinned reader: one warning, which names its PID, and rest " +
    "at most 1 ×; five writers: no error, no write longer than 300 ms",
  seconds: 120,
  async run(bench) {
    const seen = await measure(bench);
    const rows: Row[] = [];
    const dots: Dot[] = [];
    for (const [scene, kinds] of seen) {
      for (const kind of KINDS) {
        rows.push(rowOf(scene, kind, kinds[kind]));
        const of = (size: (one: Played) => number) =>
          kinds[kind].map((one) => Math.max(0.01, size(one) / MIB));
        dots.push(dot(`${kind}, peak`, kind, of((one) => one.peak), scene));
        dots.push(dot(`${kind}, rest`, kind, of((one) => one.rest), scene));
      }
    }
    return {
      head: HEAD,
      rows,
      plot: dotPlot({
        title: wal.title,
        axis: "size of the WAL, MiB: median and middle half",
        dots,
        scale: "logarithmic",
        target: {
          value: LIMIT / MIB,
          label: `journal_size_limit ${LIMIT / MIB} MiB`,
        },
      }),
    };
  },
};

const HEAD = [
  "who",
  "",
  "writes",
  "peak",
  "rest",
  "longest write, ms",
  "warnings",
  "with its PID",
  "errors",
];

async function measure(
  bench: Bench,
): Promise<Map<string, Record<WalKind, Played[]>>> {
  const seen = new Map<string, Record<WalKind, Played[]>>();
  const rounds = roundsOf(ROUNDS, bench.scale, 1);
  const seconds = SECONDS * Math.min(1, bench.scale * 3);
  const runtimes = runtimesOf(bench);
  for (const [name, scene] of Object.entries(SCENES)) {
    const found: Record<WalKind, Played[]> = { raw: [], litelatch: [] };
    for (let round = 0; round < rounds; round++) {
      const turned = runtimes.map((_, i) =>
        runtimes[(i + round) % runtimes.length]!
      );
      for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
        bench.progress(`wal: ${name}, ${round + 1} of ${rounds}, ${kind}`);
        found[kind].push(await play(scene, kind, turned, seconds));
      }
    }
    seen.set(name, found);
  }
  return seen;
}

function runtimesOf({ runtimes }: Bench): readonly Runtime[] {
  const able = runtimes.filter(({ id }) => id !== "node22");
  return able.length > 0 ? able : [pinnedRuntime("node")];
}

function rowOf(scene: string, kind: WalKind, rounds: Played[]): Row {
  const peaks = rounds.map(({ peak }) => peak / LIMIT);
  const rests = rounds.map(({ rest }) => rest / LIMIT);
  const longest = rounds.map((one) => one.longest);
  const errors = rounds.reduce((sum, one) => sum + one.errors, 0);
  const isNamed = rounds.every((one) => one.warnings === 1 && one.named === 1);
  const reached = scene === SHORT
    ? median(peaks) <= 3.5 && median(rests) <= 1 && median(longest) < 200
    : scene === PINNED
    ? isNamed && median(rests) <= 1
    : median(longest) < 300;
  return {
    cells: [
      scene,
      kind,
      ranged(rounds.map(({ writes }) => writes), 0),
      `${ranged(peaks, 1)} ×`,
      `${ranged(rests, 1)} ×`,
      ranged(longest, 0),
      ranged(rounds.map(({ warnings }) => warnings), 0),
      scene === PINNED ? ranged(rounds.map(({ named }) => named), 0) : "",
      String(errors),
    ],
    reached: kind === "litelatch" ? reached && errors === 0 : null,
  };
}

function ranged(values: readonly number[], decimals: number): string {
  const [low, middle, high] = [
    Math.min(...values),
    median(values),
    Math.max(...values),
  ].map((value) => value.toFixed(decimals));
  return low === high ? `${middle}` : `${middle} (${low}–${high})`;
}
