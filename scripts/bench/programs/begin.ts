/**
 * How a program of a crew learns its task, waits for the common begin, and
 * says what came of it: see `scripts/bench/crew.ts`.
 *
 * @module
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import process from "node:process";
import { clock, sleep } from "./clock.ts";

const [task = "", go = "", result = ""] = process.argv.slice(2);

/** What this process is to do. */
export function readTask(): unknown {
  return JSON.parse(readFileSync(task, "utf8"));
}

/** Says that it is ready, and waits; the moment at which all begin. */
export function awaitBegin(): number {
  clock();
  writeFileSync(`${result}.ready`, "");
  while (!existsSync(go)) sleep(5);
  return Number(readFileSync(go, "utf8"));
}

/** Says what came of it. */
export function report(found: unknown): void {
  writeFileSync(`${result}.new`, JSON.stringify(found));
  renameSync(`${result}.new`, result);
}
