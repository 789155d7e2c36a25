/**
 * The life of one of the nine processes: say ready, then play a round each
 * time the barrier falls, until the demo closes stdin.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import type { Step } from "./load.ts";
import type { Attempt, Go, Ready, RoundReport } from "./messages.ts";

/** A way to write: how it commits one step, and how it closes. */
export interface Writer {
  readonly steps: Step[];
  /** What it was warned of while it opened the database. */
  readonly warnings: string[];
  commit(step: Step, mark: string): Attempt;
  close(): void;
}

/** Plays rounds for the demo that started this process. */
export async function playRounds(
  session: number,
  writer: Writer,
): Promise<void> {
  const ready: Ready = { warnings: writer.warnings };
  say(JSON.stringify(ready));
  // Also when the demo was killed: its end of the pipe is gone with it.
  for await (const line of createInterface({ input: process.stdin })) {
    const go = JSON.parse(line) as Go;
    sleepUntil(go.at);
    say(JSON.stringify(playRound(session, writer, go.round)));
  }
  writer.close();
}

function playRound(
  session: number,
  writer: Writer,
  round: number,
): RoundReport {
  const acknowledged: string[] = [];
  const waits: number[] = [];
  let refusals = 0;
  let stale = 0;
  for (const [i, step] of writer.steps.entries()) {
    const mark = `${session}-${round}-${i}`;
    const start = performance.now();
    const attempt = writer.commit(step, mark);
    waits.push(Math.round((performance.now() - start) * 1000) / 1000);
    if (attempt.acknowledged) acknowledged.push(mark);
    refusals += attempt.refusals;
    stale += attempt.stale;
  }
  return { round, acknowledged, waits, refusals, stale };
}

function sleepUntil(instant: number): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const left = instant - Date.now();
  if (left > 0) Atomics.wait(cell, 0, 0, left);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
