/**
 * One process of the WAL measurement, as its starter sees it.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** A program that is told things by line, and answers by line. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts it. */
  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const input = this.#child.stdout as NodeJS.ReadableStream;
    const lines: Interface = createInterface({ input });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Its PID. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Says one line. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for its next line. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`PID ${this.pid} ended too early`);
    return value;
  }

  /** Ends it. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
