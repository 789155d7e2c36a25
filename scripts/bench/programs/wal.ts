/**
 * One process of `scripts/bench/wal.ts`: a writer at full speed, a short
 * reader, or a reader that does not end. Says `ready`, begins at `go`, and
 * ends at `stop`; a writer then says what it saw.
 *
 * Arguments: `writer`, `reader` or `pin`; `raw` or `litelatch`; the path; the
 * limit of the WAL and the heartbeat; milliseconds between two writes.
 *
 * @module
 */

import { statSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { open } from "../../../mod.ts";
import { openConnection } from "../../../src/driver/runtime.ts";

const [role, kind, path = "", limit = "0", heartbeat = "0", rest = "0"] =
  process.argv.slice(2);

const FILL = "UPDATE filler SET data = randomblob(40000) WHERE id = ?";
const warnings: string[] = [];

/** Runs something in a write, or in a read. */
interface Handle {
  write(n: number): void;
  read(during: () => void): void;
}

function litelatch(): Handle {
  const db = open(path, {
    journalSizeLimit: Number(limit),
    heartbeat: Number(heartbeat),
    busyTimeout: 60_000,
    onWarning: (message) => warnings.push(message),
  });
  const fill = db.prepare(FILL);
  const count = db.prepare("SELECT count(*) FROM filler");
  return {
    write: (n) => db.write(() => fill.run(n % 16)),
    read: (during) =>
      db.read(() => {
        count.get();
        during();
      }),
  };
}

function raw(): Handle {
  const db = openConnection(path);
  db.exec(
    "PRAGMA busy_timeout=60000;PRAGMA journal_mode=WAL;" +
      `PRAGMA synchronous=NORMAL;PRAGMA journal_size_limit=${limit}`,
  );
  const fill = db.prepare(FILL);
  const count = db.prepare("SELECT count(*) FROM filler");
  return {
    write: (n) => {
      db.exec("BEGIN IMMEDIATE");
      fill.run([n % 16]);
      db.exec("COMMIT");
    },
    read: (during) => {
      db.exec("BEGIN");
      count.get([]);
      during();
      db.exec("COMMIT");
    },
  };
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const handle = kind === "raw" ? raw() : litelatch();
let stopped = false;
const seen = { writes: 0, peak: 0, longest: 0, errors: 0, warnings };

async function work(): Promise<void> {
  for (let n = 0; !stopped; n++) {
    if (role === "reader") {
      handle.read(() => sleep(15 + Math.random() * 10));
      await pause(0);
      continue;
    }
    const start = performance.now();
    try {
      handle.write(n);
      seen.writes++;
    } catch {
      seen.errors++;
    }
    seen.longest = Math.max(seen.longest, performance.now() - start);
    seen.peak = Math.max(seen.peak, statSync(`${path}-wal`).size);
    if (rest !== "0" || n % 20 === 0) await pause(Number(rest));
  }
  if (role === "writer") console.log(JSON.stringify(seen));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (line === "stop") stopped = true;
  else if (role === "pin") handle.read(() => sleep(Number(rest)));
  else void work();
  if (role === "pin") console.log("ended");
});
lines.on("close", () => process.exit(0));
console.log("ready");
