/**
 * The section `queue`: how much longer each of a thousand transactions takes
 * that are queued in one process, beside others that write.
 *
 * @module
 */

import type { Runtime } from "../runtimes/runtimes.ts";
import { poisson } from "./arrivals.ts";
import { median, quantile, rangeOf } from "./figures.ts";
import { peerFolder } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";
import { runWriters, type Writer, type WriterTask } from "./writers.ts";

const QUEUED = 1000;
const OTHERS = 7;
const PER_SECOND = 175;
const HOLD_MS = 2;
const SECONDS = 6;
const ROUNDS = 5;
const WAYS = ["litelatch", "writeAsync", "async body"] as const;
type Way = (typeof WAYS)[number];

export const queue: Section = {
  name: "queue",
  title: "A thousand queued in one process",
  method: `One process that makes ${QUEUED} transactions of ${HOLD_MS} ms, ` +
    "beside seven that write such ones by `write()`, as open-loop Poisson " +
    `arrivals of ${PER_SECOND} a second in all, the runtimes mixed. litelatch ` +
    "is `write()` called in a loop; of `writeAsync()`, and of the same with a " +
    "body that awaits, all are asked for at once. Timed from one's COMMIT to " +
    `that of the next; ${ROUNDS} rounds, the kinds in turn, all pooled; in ` +
    "brackets the range over the rounds",
  target: "p99 of async bodies at most 1.5 × write's",
  seconds: 460,
  async run(bench) {
    const rows: Row[] = [];
    const dots: Dot[] = [];
    for (const runtime of bench.runtimes) {
      const seen = await measure(bench, runtime);
      const p99 = (way: Way) => quantile(seen[way].flat(), 0.99);
      for (const way of WAYS) {
        const each = seen[way].map((gaps) => quantile(gaps, 0.99));
        const ratio = p99(way) / p99("litelatch");
        rows.push({
          cells: [
            `${runtime.name} ${runtime.version}`,
            way,
            median(seen[way].flat()).toFixed(2),
            `${p99(way).toFixed(1)} (${rangeOf(each, 1)})`,
            quantile(seen[way].flat(), 1).toFixed(1),
            way === "litelatch" ? "" : ratio.toFixed(2),
          ],
          reached: way === "async body" ? ratio <= 1.5 : null,
        });
        dots.push(dot(way, "litelatch", each, runtime.name));
      }
    }
    return {
      head: ["", "", "p50, ms", "p99, ms", "longest, ms", "p99 ÷ write()"],
      rows,
      plot: dotPlot({
        title: `${queue.title}: from one COMMIT to the next`,
        axis: "p99 of a round, ms: median and middle half",
        dots,
      }),
    };
  },
};

async function measure(
  bench: Bench,
  runtime: Runtime,
): Promise<Record<Way, number[][]>> {
  const seen: Record<Way, number[][]> = {
    litelatch: [],
    writeAsync: [],
    "async body": [],
  };
  const peers = peerFolder();
  const queued = Math.max(50, Math.round(QUEUED * Math.min(1, bench.scale)));
  for (let round = 0; round < roundsOf(ROUNDS, bench.scale); round++) {
    const others = poisson({
      seed: round + 1,
      seconds: SECONDS * Math.min(1, bench.scale),
      processes: OTHERS,
      perSecond: PER_SECOND,
    });
    for (const how of round % 2 === 0 ? WAYS : WAYS.toReversed()) {
      bench.progress(`queue: ${runtime.name}, round ${round + 1}, ${how}`);
      const task = (
        how: Writer,
        arrivals: readonly number[],
        isQueue = false,
      ): Omit<WriterTask, "path"> => {
        return { how, peers, arrivals, isQueue, seconds: 0, holdMs: HOLD_MS };
      };
      const own = task(how, Array(queued).fill(0), how !== "litelatch");
      const all = await runWriters(
        [runtime, ...bench.runtimes, ...bench.runtimes, ...bench.runtimes],
        [own, ...others.map((of) => task("litelatch", of))],
      );
      const ends = all[0]!.writes.map(({ end }) => end);
      // After that the others have no more to write.
      const last = SECONDS * 1000 * Math.min(1, bench.scale);
      const gaps = ends.map((end, i) => end - (ends[i - 1] ?? 0))
        .filter((_, i) => ends[i]! <= last);
      seen[how].push(gaps);
    }
  }
  return seen;
}
