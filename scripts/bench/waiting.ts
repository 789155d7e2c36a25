/**
 * The section `waiting`: how long writes wait when several processes want to
 * write at once.
 *
 * @module
 */

import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import type { Runtime } from "../runtimes.ts";
import { jain, median, quantile, randomOf } from "./figures.ts";
import type { Report, Row, Section } from "./section.ts";

const PROGRAM = fileURLToPath(new URL("programs/waiter.ts", import.meta.url));
const PROCESSES = 8;
const PER_SECOND = 200;
const HOLD_MS = 2;
const SECONDS = 15;
const SEEDS = [1, 2, 3, 4, 5];
const PATIENCE_MS = 60_000;

/** One write: meant to start, began, was committed. */
interface Write {
  at: number;
  got: number;
  end: number;
}

/** What one run of one kind came to. */
interface Run {
  latencies: number[];
  /** The mean of each process. */
  means: number[];
  /** From the begin to the commit. */
  hold: number;
}

export const waiting: Section = {
  name: "waiting",
  title: "Waiting for one's turn",
  method:
    `${PROCESSES} processes, the runtimes mixed; transactions that hold ` +
    `the lock for ${HOLD_MS} ms; ${PER_SECOND} a second offered in all, as ` +
    "open-loop Poisson arrivals, the same ones for each kind; timed from the " +
    `intended start to the commit; ${SEEDS.length} seeds of ${SECONDS} s, all ` +
    "writes pooled; in brackets the range over the seeds. Raw is a prepared " +
    "BEGIN IMMEDIATE with busy_timeout 5000. The ideal is one queue, first " +
    "come first served, simulated on the same arrivals",
  target: "p99 and longest at most a third of raw",
  async run(bench) {
    const runs: Record<string, Run[]> = { raw: [], litelatch: [], ideal: [] };
    const seeds = SEEDS.slice(0, Math.max(1, SEEDS.length * bench.scale));
    for (const seed of seeds) {
      const arrivals = poisson(seed, SECONDS * Math.min(1, bench.scale * 5));
      const order = ["raw", "litelatch"];
      for (const kind of seed % 2 === 0 ? order : order.toReversed()) {
        bench.progress(`waiting: seed ${seed} of ${seeds.length}, ${kind}`);
        runs[kind]!.push(await runOnce(kind, arrivals, bench.runtimes));
      }
      const hold = median(
        [...runs["raw"]!, ...runs["litelatch"]!].map((run) => run.hold),
      );
      runs["ideal"]!.push(firstCome(arrivals, hold));
    }
    return report(runs);
  },
};

/** Milliseconds of the arrivals, for each process. */
function poisson(seed: number, seconds: number): number[][] {
  const random = randomOf(seed);
  const mean = 1000 * PROCESSES / PER_SECOND;
  return Array.from({ length: PROCESSES }, () => {
    const arrivals: number[] = [];
    for (let at = 0;;) {
      at -= Math.log(1 - random()) * mean;
      if (at > seconds * 1000) return arrivals;
      arrivals.push(at);
    }
  });
}

async function runOnce(
  kind: string,
  arrivals: number[][],
  runtimes: readonly Runtime[],
): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
  const path = join(folder, "app.db");
  const go = join(folder, "go");
  const db = open(path);
  db.exec("CREATE TABLE event (pid INTEGER, at REAL)");
  db.close();
  const children = arrivals.map((of, i) => {
    const task = join(folder, `task-${i}`);
    const result = join(folder, `result-${i}`);
    writeFileSync(task, JSON.stringify({ arrivals: of, holdMs: HOLD_MS }));
    const [program, ...args] = runtimes[i % runtimes.length]!.command;
    const child = spawn(
      program!,
      [...args, PROGRAM, kind, path, task, go, result],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", resolve);
    });
    return { child, result, ended };
  });
  try {
    const deadline = Date.now() + PATIENCE_MS;
    while (!children.every(({ result }) => existsSync(`${result}.ready`))) {
      if (Date.now() > deadline) throw new Error("A process did not start");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    writeFileSync(`${go}.new`, String(Date.now() + 300));
    renameSync(`${go}.new`, go);
    const codes = await Promise.all(children.map(({ ended }) => ended));
    if (codes.some((code) => code !== 0)) {
      throw new Error(`${kind}: a process ended with code ${codes}`);
    }
    const all = children.map(({ result }) =>
      JSON.parse(readFileSync(result, "utf8")) as Write[]
    );
    const check = open(path);
    const { n } = check.prepare("SELECT count(*) AS n FROM event").get()!;
    check.close();
    if (n !== all.flat().length) throw new Error(`${kind}: writes are missing`);
    return summary(all);
  } finally {
    for (const { child } of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everybody waits in one queue, which no time is lost on. */
function firstCome(arrivals: number[][], hold: number): Run {
  const queue = arrivals.flatMap((of, process) =>
    of.map((at) => ({ at, process }))
  ).sort((a, b) => a.at - b.at);
  const all: Write[][] = arrivals.map(() => []);
  let free = 0;
  for (const { at, process } of queue) {
    const got = Math.max(at, free);
    free = got + hold;
    all[process]!.push({ at, got, end: free });
  }
  return summary(all);
}

function summary(all: Write[][]): Run {
  const latency = ({ at, end }: Write) => end - at;
  return {
    latencies: all.flat().map(latency),
    means: all.map((of) =>
      of.map(latency).reduce((a, b) => a + b, 0) / of.length
    ),
    hold: median(all.flat().map(({ got, end }) => end - got)),
  };
}

const SHARES: [string, number][] = [
  ["p50", 0.5],
  ["p99", 0.99],
  ["p99.9", 0.999],
  ["longest", 1],
];

function report(runs: Record<string, Run[]>): Report {
  const pooled = (kind: string, share: number) =>
    quantile(runs[kind]!.flatMap((run) => run.latencies), share);
  const rows: Row[] = ["raw", "litelatch", "ideal"].map((kind) => ({
    cells: [
      kind,
      ...SHARES.map(([, share]) => {
        const each = runs[kind]!.map((run) => quantile(run.latencies, share));
        const range = `${Math.min(...each).toFixed(1)}–${
          Math.max(...each).toFixed(1)
        }`;
        return `${pooled(kind, share).toFixed(1)} (${range})`;
      }),
      median(runs[kind]!.map((run) => jain(run.means))).toFixed(3),
      median(runs[kind]!.map((run) => run.hold)).toFixed(2),
    ],
    reached: null,
  }));
  const ratios = SHARES.map(([, share]) =>
    pooled("litelatch", share) / pooled("raw", share)
  );
  rows.push({
    cells: ["litelatch ÷ raw", ...ratios.map((r) => r.toFixed(2)), "", ""],
    reached: ratios[1]! <= 1 / 3 && ratios[3]! <= 1 / 3,
  });
  return {
    head: [
      "",
      ...SHARES.map(([name]) => `${name}, ms`),
      "Jain's index",
      "lock held, ms",
    ],
    rows,
  };
}
