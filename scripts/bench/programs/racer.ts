/**
 * One of several that try for the same locks at the same moments, each once;
 * or the holder that leaves all of them behind. What it won it holds to its
 * end, so two winners of one lock have it at once.
 *
 * @module
 */

import process from "node:process";
import { awaitBegin, readTask, report } from "./begin.ts";
import { clock, sleep } from "./clock.ts";
import { type LockerName, lockerOf, type Release } from "./lockers.ts";

/** What a racer is told. */
export interface Race {
  readonly name: LockerName;
  readonly peers: string;
  /** One lock for each round. */
  readonly paths: readonly string[];
  readonly everyMs: number;
  /** How long it holds what it won before it ends, by SIGKILL. */
  readonly holdMs: number;
}

/** The locks that were won; they must not be collected. */
const held: Release[] = [];

const { name, peers, paths, everyMs, holdMs } = readTask() as Race;
const locker = lockerOf(name, peers);
const start = awaitBegin();
const won = await Promise.all(
  paths.map(async (path, round) => {
    const wait = start + round * everyMs - clock();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait - 3)));
    // A timer is not exact enough for a race.
    sleep(start + round * everyMs - clock());
    const release = await locker.attempt(path);
    if (release === null) return false;
    held.push(release);
    return true;
  }),
);
sleep(start + paths.length * everyMs + holdMs - clock());
report(won);
process.kill(process.pid, "SIGKILL");
