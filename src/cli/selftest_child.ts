/**
 * The other side of `litelatch selftest`: a process that does what it is told,
 * one JSON order per line of stdin, one answer per line of stdout.
 *
 * @module
 */

import { closeSync, openSync, unlinkSync } from "node:fs";
import { acquireLock, open } from "../../mod.ts";
import type { Database } from "../database/database.ts";
import { messageOf } from "../driver/result_codes.ts";
import { LockedError } from "../errors.ts";
import type { Lock } from "../lock/lock.ts";
import type { LockMode } from "../options.ts";
import { sleepSync } from "../os/clock.ts";
import { standardOutput } from "./screen.ts";

/** What it can be told to do. */
export type Order =
  | { do: "acquire"; path: string; mode: LockMode; wait: number }
  | { do: "release" }
  | { do: "race"; path: string; rounds: number }
  | { do: "open"; path: string }
  | { do: "insert"; rows: number }
  | { do: "begin" }
  | { do: "ask"; sql: string };

/** What it answers. */
export interface Answer {
  ok: boolean;
  value?: unknown;
  message?: string;
  /** PIDs that a refusal names. */
  holders?: number[];
}

let lock: Lock | undefined;
let database: Database | undefined;

/** Obeys until stdin ends. */
export function selftestChild(): void {
  let text = "";
  const { line: say } = standardOutput();
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (more: string) => {
    const lines = (text + more).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      say(JSON.stringify(answer(JSON.parse(line))));
    }
  });
  process.stdin.on("end", () => process.exit(0));
}

function answer(order: Order): Answer {
  try {
    return { ok: true, value: obey(order) };
  } catch (error) {
    const holders = error instanceof LockedError
      ? error.holders.map(({ pid }) => pid)
      : [];
    return { ok: false, message: messageOf(error), holders };
  }
}

function obey(order: Order): unknown {
  switch (order.do) {
    case "acquire": {
      const { path, mode, wait } = order;
      lock = acquireLock(path, { mode, wait, app: "selftest" });
      return null;
    }
    case "release":
      lock?.release();
      return null;
    case "race":
      return race(order.path, order.rounds);
    case "open":
      database = open(order.path, {
        lock: "none",
        busyTimeout: 30_000,
        onWarning: () => {},
      });
      return null;
    case "insert":
      for (let row = 0; row < order.rows; row++) {
        database?.write((db) =>
          db.prepare("INSERT INTO entry VALUES (?)").run(process.pid)
        );
      }
      return null;
    case "begin":
      database?.exec("BEGIN IMMEDIATE; INSERT INTO entry VALUES (-1)");
      return null;
    case "ask":
      return Object.values(database?.prepare(order.sql).get() ?? {})[0];
  }
}

/** How often somebody else was there although we held the lock. */
function race(path: string, rounds: number): number {
  const witness = `${path}.witness`;
  let overlaps = 0;
  for (let round = 0; round < rounds; round++) {
    const held = acquireLock(path, { wait: 60_000, app: "selftest" });
    try {
      closeSync(openSync(witness, "wx"));
      sleepSync(1 + Math.random() * 2);
      unlinkSync(witness);
    } catch {
      overlaps++;
    } finally {
      held.release();
    }
  }
  return overlaps;
}
