/**
 * Takes and releases a lock in several ways, in turn within one process.
 * Prints the microseconds of each as JSON.
 *
 * Arguments: the folder with the npm packages, rounds, and the names.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { bareLock } from "./bare.ts";
import { type LockerName, lockerOf, type Release } from "./lockers.ts";
import { connectRaw } from "./raw.ts";

const [peers = "", rounds = "100", ...names] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));

type Take = (path: string) => Release | null | Promise<Release | null>;

function takeOf(name: string): Take {
  if (name === "bare") return bareLock(peers);
  if (name !== "sqlite") {
    const locker = lockerOf(name as LockerName, peers);
    return (path) => locker.quickly?.(path) ?? locker.attempt(path);
  }
  return (path) => {
    const raw = connectRaw(`${path}.sqlite`);
    raw.exec("PRAGMA journal_mode=MEMORY;BEGIN EXCLUSIVE");
    return () => {
      raw.exec("ROLLBACK");
      raw.close();
    };
  };
}

const ways = names.map((name) => {
  const path = join(folder, name);
  writeFileSync(path, "");
  return { name, path, take: takeOf(name), times: [] as number[] };
});
const WARM_UP = Math.ceil(Number(rounds) / 10) + 5;
for (let round = 0; round < Number(rounds) + WARM_UP; round++) {
  // Whoever goes later finds warmer caches, so they take turns.
  for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
    const start = performance.now();
    let release = way.take(way.path);
    if (release instanceof Promise) release = await release;
    if (release === null) throw new Error(`${way.name} was refused`);
    const done = release();
    if (done instanceof Promise) await done;
    const took = (performance.now() - start) * 1000;
    if (round >= WARM_UP) way.times.push(took);
  }
  // What a runtime puts off until the next turn must not pile up.
  await new Promise((resolve) => setTimeout(resolve, 0));
}
rmSync(folder, { recursive: true });
console.log(
  JSON.stringify(
    Object.fromEntries(ways.map(({ name, times }) => [name, times])),
  ),
);
process.exit(0);
