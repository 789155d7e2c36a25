/**
 * Several processes that begin at the same moment, each with a task of its
 * own, and what came of them.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** One process: its command, and what it is told. */
export interface Member {
  readonly command: readonly string[];
  readonly task: unknown;
}

const PATIENCE_MS = 60_000;
/** Between the word that it begins and the begin. */
const NOTICE_MS = 300;

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/**
 * Runs all of them to their end.
 *
 * @param folder Where they leave notes for each other; it is the caller's.
 * @returns What each of them reported, in the same order.
 * @throws {Error} When one fails or does not start.
 */
export async function runCrew(
  folder: string,
  members: readonly Member[],
): Promise<unknown[]> {
  const go = join(folder, "go");
  const crew = members.map(({ command, task }, i) => {
    const result = join(folder, `result-${i}`);
    const taskFile = join(folder, `task-${i}`);
    writeFileSync(taskFile, JSON.stringify(task));
    return { ...start([...command, taskFile, go, result]), result };
  });
  try {
    const deadline = performance.now() + PATIENCE_MS;
    while (!crew.every(({ result }) => existsSync(`${result}.ready`))) {
      if (crew.some(({ child }) => child.exitCode !== null)) break;
      if (performance.now() > deadline) throw new Error("It did not start");
      await pause(10);
    }
    writeFileSync(`${go}.new`, String(Date.now() + NOTICE_MS));
    renameSync(`${go}.new`, go);
    await Promise.all(crew.map(({ ended }) => ended));
    // A program may end itself by a signal, but only after its report.
    const silent = crew.findIndex(({ result }) => !existsSync(result));
    if (silent !== -1) {
      const { command } = members[silent]!;
      throw new Error(`${command.join(" ")} ended without a report`);
    }
    return crew.map(({ result }) => JSON.parse(readFileSync(result, "utf8")));
  } finally {
    for (const { child } of crew) child.kill("SIGKILL");
  }
}

/** A pause that lets children speak. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function start(
  command: readonly string[],
): { child: ChildProcess; ended: Promise<void> } {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "inherit"],
  });
  alive.add(child);
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => {
      alive.delete(child);
      resolve();
    });
  });
  return { child, ended };
}
