/**
 * One process of a measurement, as its starter sees it.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { linesOf } from "../demo/lines.ts";

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** A program that is told things by line, and answers by line. */
export class Program {
  readonly #child: ChildProcess;
  readonly #next: () => Promise<string | null>;

  /** Starts it. */
  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    alive.add(child);
    child.on("exit", () => alive.delete(child));
    child.stdin.on("error", () => {}); // it has ended, as line() tells
    this.#child = child;
    this.#next = linesOf(child.stdout);
  }

  /** Its PID. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("A program did not start");
    return pid;
  }

  /** Says one line. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for its next line. */
  async line(): Promise<string> {
    const line = await this.#next();
    if (line === null) throw new Error("A program ended too early");
    return line;
  }

  /** Ends it at once. */
  kill(): void {
    const { pid, exitCode, signalCode } = this.#child;
    // Its number may be somebody else's by now.
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      // Deno's own kill() closes its stdin first, and it may end in an orderly
      // way before the signal comes.
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended just now: Deno reaps a child before it tells the end.
    }
  }
}
