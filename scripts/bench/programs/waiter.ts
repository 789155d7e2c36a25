/**
 * One of several processes that write at given moments, each write holding
 * the lock for a while. Says when each was done, counted from the moment at
 * which it was meant to start.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { open } from "../../../mod.ts";
import { openRaw } from "./raw.ts";

const [how, path, task = "", go = "", result = ""] = process.argv.slice(2);
const { arrivals, holdMs } = JSON.parse(readFileSync(task, "utf8")) as {
  arrivals: number[];
  holdMs: number;
};
const INSERT = "INSERT INTO event VALUES (?, ?)";

/** Milliseconds on the clock that all the processes share. */
function clock(): number {
  return performance.timeOrigin + performance.now();
}

const cell = new Int32Array(new SharedArrayBuffer(4));
function sleep(ms: number): void {
  if (ms > 0) Atomics.wait(cell, 0, 0, ms);
}

function byHand(): (at: number) => number {
  const db = openRaw(path!);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const insert = db.prepare(INSERT);
  const commit = db.prepare("COMMIT");
  return (at) => {
    begin.run();
    const got = clock();
    insert.run(process.pid, at);
    sleep(holdMs);
    commit.run();
    return got;
  };
}

function withLitelatch(): (at: number) => number {
  const db = open(path!, { app: "bench" });
  return (at) =>
    db.write(() => {
      const got = clock();
      db.prepare(INSERT).run(process.pid, at);
      sleep(holdMs);
      return got;
    });
}

const write = how === "raw" ? byHand() : withLitelatch();
writeFileSync(`${result}.ready`, "");
while (!existsSync(go)) sleep(5);
const start = Number(readFileSync(go, "utf8"));
const done: { at: number; got: number; end: number }[] = [];
for (const at of arrivals) {
  sleep(start + at - clock());
  const got = write(at) - start;
  done.push({ at, got, end: clock() - start });
}
writeFileSync(result, JSON.stringify(done));
