/**
 * Takes the lock or opens the database, holds it for a moment, lets it go, and
 * so on until its stdin ends. All that counts it says in the log.
 *
 * @module
 */

import process from "node:process";
import {
  acquireLock,
  acquireLockAsync,
  type LockMode,
  open,
  openAsync,
} from "../../../mod.ts";
import { random } from "../seed.ts";
import { openLog } from "./log.ts";

/** What a contender is told. */
export interface Part {
  readonly id: string;
  readonly seed: number;
  readonly log: string;
  /** The database; its lock is also taken without it. */
  readonly target: string;
  /** How long it waits for the lock, or for its turn to write. */
  readonly waitMs: number;
  /** How long it holds at most. */
  readonly holdMs: number;
  /** How often it opens the database, and takes the lock shared. */
  readonly opens: number;
  readonly shares: number;
  readonly synchronous: "normal" | "full";
}

const part = JSON.parse(process.argv[2] ?? "{}") as Part;
const chance = random(part.seed, part.id);
const log = openLog(part.log, part.id);
let commits = 0;
let leaving = false;

async function turn(): Promise<void> {
  const mode = chance.chance(part.shares) ? "shared" : "exclusive";
  const opens = chance.chance(part.opens);
  const sleeps = chance.chance(0.5);
  try {
    if (opens) await write(mode, sleeps);
    else await hold(mode, sleeps);
  } catch (error) {
    log.refusal(["error"], error);
    await pause(20);
  }
}

async function hold(mode: LockMode, sleeps: boolean): Promise<void> {
  const options = { mode, wait: part.waitMs, app: part.id };
  const lock = sleeps
    ? acquireLock(part.target, options)
    : await acquireLockAsync(part.target, options);
  log.say("hold", mode);
  try {
    await pause(chance.between(0, part.holdMs));
  } finally {
    log.say("drop");
    lock.release();
  }
}

async function write(lock: LockMode, sleeps: boolean): Promise<void> {
  const options = {
    lock,
    wait: part.waitMs,
    busyTimeout: part.waitMs,
    synchronous: part.synchronous,
    walAutocheckpoint: 20,
    journalSizeLimit: 64 * 1024,
    app: part.id,
    onWarning: () => {},
  };
  const db = sleeps
    ? open(part.target, options)
    : await openAsync(part.target, options);
  log.say("hold", lock);
  try {
    const insert = db.prepare("INSERT INTO t VALUES (?, ?, zeroblob(?))");
    for (let left = chance.between(1, 6); left > 0; left--) {
      const n = ++commits;
      const body = () => {
        insert.run(part.id, n, chance.between(0, 2000));
        insert.run(part.id, -n, 0);
      };
      try {
        if (sleeps) db.write(body);
        else await db.writeAsync(body);
        log.say("ack", n);
      } catch (error) {
        log.refusal(["failed", n], error);
      }
      if (!sleeps) await pause(chance.between(0, part.holdMs));
    }
    if (chance.chance(0.2)) db.checkpoint();
  } finally {
    log.say("drop");
    db.close();
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

process.stdin.on("end", () => leaving = true).resume();
while (!leaving) {
  await turn();
  await pause(chance.between(0, 3));
}
log.close();
process.exit(0);
