/**
 * One of several processes that write to one database, each write holding the
 * lock for a while: at given moments, or one after the other. Says when each
 * was asked for, when it had the lock, and when it was done.
 *
 * @module
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { type Database, open } from "../../../mod.ts";
import type { Writer, WriterTask } from "../writers.ts";
import { awaitBegin, readTask, report } from "./begin.ts";
import { clock, sleep } from "./clock.ts";
import { openRaw, type Raw } from "./raw.ts";

const INSERT = "INSERT INTO event VALUES (?, ?)";
const { how, path, peers, arrivals, isQueue, seconds, holdMs } =
  readTask() as WriterTask;

const OPTIONS = {
  app: "bench",
  onWarning: () => {},
  // The last of a queue waits for all the others.
  busyTimeout: isQueue ? 60_000 : 5000,
};

/** Writes once, and says when it had the lock. */
type Write = (at: number) => number | Promise<number>;

const WAYS: Record<Writer, () => Write | Promise<Write>> = {
  litelatch() {
    const db = open(path, OPTIONS);
    return (at) =>
      db.write(() => {
        const got = clock();
        db.prepare(INSERT).run(process.pid, at);
        sleep(holdMs);
        return got;
      });
  },

  writeAsync() {
    const db = open(path, OPTIONS);
    return (at) =>
      db.writeAsync(() => {
        const got = clock();
        db.prepare(INSERT).run(process.pid, at);
        sleep(holdMs);
        return got;
      });
  },

  async "async body"() {
    const db = open(path, OPTIONS);
    // It opens a connection of its own the first time.
    await db.writeAsync(async () => await null);
    return (at) =>
      db.writeAsync(async (transaction) => {
        const got = clock();
        transaction.prepare(INSERT).run(process.pid, at);
        await null;
        sleep(holdMs);
        return got;
      });
  },

  statement: () =>
    byHand(
      open(path, OPTIONS),
      (begin) => begin(),
    ),

  raw: () => byHand(openRaw(path), (begin) => begin()),

  "better-sqlite3"() {
    const load = createRequire(join(peers, "load.cjs"));
    const Better = load("better-sqlite3") as new (
      path: string,
      options: { timeout: number },
    ) => Raw;
    const db = new Better(path, { timeout: 5000 });
    db.exec("PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL");
    return byHand(db, (begin) => begin());
  },

  // 1, 2, 4 … 100 ms at most, and of that a random part.
  backoff() {
    const db = openRaw(path);
    db.exec("PRAGMA busy_timeout=0");
    return byHand(db, (begin) => {
      for (let tries = 0;; tries++) {
        try {
          return begin();
        } catch (error) {
          if (!/locked|busy/i.test(String(error))) throw error;
          sleep(Math.random() * Math.min(100, 2 ** tries));
        }
      }
    });
  },
};

function byHand(
  db: Pick<Raw, "prepare"> | Database,
  patiently: (begin: () => void) => void,
): Write {
  const begin = db.prepare("BEGIN IMMEDIATE");
  const insert = db.prepare(INSERT);
  const commit = db.prepare("COMMIT");
  return (at) => {
    patiently(() => begin.run());
    const got = clock();
    insert.run(process.pid, at);
    sleep(holdMs);
    commit.run();
    return got;
  };
}

const write = await WAYS[how]();
const start = awaitBegin();
const writes: { at: number; got: number; end: number }[] = [];
sleep(start - clock());
const { user, system } = process.cpuUsage();
if (arrivals !== null && isQueue) {
  await Promise.all(arrivals.map(async (at) => {
    const got = await write(at) - start;
    writes.push({ at, got, end: clock() - start });
  }));
} else if (arrivals !== null) {
  for (const at of arrivals) {
    sleep(start + at - clock());
    const got = await write(at) - start;
    writes.push({ at, got, end: clock() - start });
  }
} else {
  for (let at = clock() - start; at < seconds * 1000; at = clock() - start) {
    const got = await write(at) - start;
    writes.push({ at, got, end: clock() - start });
  }
}
const after = process.cpuUsage();
const cpuMs = (after.user - user + after.system - system) / 1000;
report({ writes, cpuMs });
