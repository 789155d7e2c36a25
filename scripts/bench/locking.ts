/**
 * The section `lock`: what it costs to take a lock and release it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { pinnedRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { runChild } from "../test/child.ts";
import { median, spread } from "./figures.ts";
import { buildPeers, LOCKERS, peerFolder, versionsOf } from "./peers.ts";
import { type Dot, dot, dotPlot } from "./plot/dots.ts";
import type { Kind } from "./plot/page.ts";
import { type Bench, roundsOf, type Row, type Section } from "./section.ts";

const PROGRAM = fileURLToPath(new URL("programs/locking.ts", import.meta.url));
const PATIENCE = 5 * 60_000;
const PROCESSES = 5;
const ROUNDS = 300;
const MOST = 4;

const OWN = ["bare", "sqlite", "litelatch"];

export const locking: Section = {
  name: "lock",
  title: "A lock taken and released",
  method: "An exclusive lock on a file, in one process, not contended, the " +
    `ways in turn; ${PROCESSES} processes of ${ROUNDS} rounds for each ` +
    "runtime. Bare is the fewest system calls that a lock which the kernel " +
    "frees and which says who has it can do with, by the runtime's own `fs`: " +
    "open and fcntl (on Node 24 flock, on Node 22 nothing) for the lock file; open, write, close, link and unlink " +
    "for a pidfile that appears whole; unlink and close to release. SQLite is " +
    "the driver's open, BEGIN EXCLUSIVE, ROLLBACK and close alone, without a " +
    "pidfile. The npm packages run on Node, by their synchronous functions " +
    "where they have some",
  target: "litelatch at most 4 × the bare system calls",
  seconds: 35,
  async run(bench) {
    const peers = peerFolder();
    const missing = buildPeers(peers);
    const others = LOCKERS.filter((name) => missing[name] === undefined);
    const found = new Map<Runtime, Record<string, number[]>>();
    for (let i = 0; i < PROCESSES; i++) {
      for (const runtime of bench.runtimes) {
        bench.progress(`lock: ${runtime.label}, ${i + 1} of ${PROCESSES}`);
        const names = runtime.path === pinnedRuntime("node").path
          ? [...OWN, ...others]
          : OWN;
        const times = await measure(runtime, peers, names, bench);
        const all = found.get(runtime) ?? {};
        for (const name of names) {
          all[name] = [...all[name] ?? [], ...times[name] ?? []];
        }
        found.set(runtime, all);
      }
    }
    const rows: Row[] = [];
    const dots: Dot[] = [];
    for (const [{ label }, times] of found) {
      const bare = median(times["bare"] ?? []);
      for (const [name, each] of Object.entries(times)) {
        const ratio = median(each) / bare;
        rows.push({
          cells: [label, name, spread(each, 0), ratio.toFixed(2)],
          reached: name === "litelatch" ? ratio <= MOST : null,
        });
        dots.push(dot(name, KINDS[name] ?? "another", each, label));
      }
    }
    for (const [name, why] of Object.entries(missing)) {
      rows.push({
        cells: ["Node", name, `not measured: ${why}`, ""],
        reached: null,
      });
    }
    return {
      head: ["runtime", "", "µs", "÷ bare"],
      rows,
      plot: dotPlot({
        title: locking.title,
        axis: "taken and released, µs: median and middle half",
        dots,
        scale: "logarithmic",
      }),
      versions: versionsOf(others),
    };
  },
};

const KINDS: Readonly<Record<string, Kind>> = {
  litelatch: "litelatch",
  bare: "limit",
  sqlite: "raw",
};

async function measure(
  { label, command }: Runtime,
  peers: string,
  names: readonly string[],
  { scale }: Bench,
): Promise<Record<string, number[]>> {
  const rounds = String(roundsOf(ROUNDS, scale, 10));
  const { code, output, cut } = await runChild(
    [...command, PROGRAM, peers, rounds, ...names],
    PATIENCE,
  );
  if (code !== 0) throw new Error(`${label}: ${cut ?? output}`);
  const line = output.trim().split("\n").find((line) => line[0] === "{");
  return JSON.parse(line ?? "") as Record<string, number[]>;
}
