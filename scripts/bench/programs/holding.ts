/**
 * One of many that want the same lock again and again.
 *
 * @module
 */

import process from "node:process";
import { awaitBegin, readTask, report } from "./begin.ts";
import { clock, sleep } from "./clock.ts";
import { type LockerName, lockerOf, type Release } from "./lockers.ts";

/** What it is told; times in milliseconds. */
export interface Holding {
  readonly name: LockerName;
  readonly peers: string;
  readonly path: string;
  /** Whether it tries once a millisecond, and does not wait in its own way. */
  readonly polls: boolean;
  readonly holdMs: number;
  readonly pauseMs: number;
  readonly spanMs: number;
}

/** What came of it. */
export interface Held {
  readonly holds: number;
  readonly longestMs: number;
  /** Of all its threads, from the common begin to its end. */
  readonly cpuMs: number;
}

const task = readTask() as Holding;
const { name, peers, path, holdMs, pauseMs, spanMs } = task;
const locker = lockerOf(name, peers);

async function take(end: number): Promise<Release | null> {
  if (!task.polls) return await locker.wait(path);
  while (clock() < end) {
    const release = await locker.attempt(path);
    if (release !== null) return release;
    sleep(1 + Math.random());
  }
  return null;
}

const start = awaitBegin();
sleep(start - clock());
const before = process.cpuUsage();
let holds = 0;
let longestMs = 0;
const end = start + spanMs;
for (;;) {
  const asked = clock();
  const release = await take(end);
  longestMs = Math.max(longestMs, Math.min(clock(), end) - asked);
  if (release === null) break;
  const isOver = clock() >= end;
  if (!isOver) {
    holds++;
    sleep(holdMs);
  }
  await release();
  if (isOver) break;
  sleep(pauseMs);
}
const { user, system } = process.cpuUsage(before);
report({ holds, longestMs, cpuMs: (user + system) / 1e3 } satisfies Held);
