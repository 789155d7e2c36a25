/**
 * Starts the processes of `litelatch selftest`, talks to them, ends them.
 *
 * @module
 */

import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Nap, sleepAsync } from "../os/clock.ts";
import { CHILD } from "./arguments.ts";
import type { Answer, Order } from "./selftest_child.ts";

// A network share that hangs must not hang us.
const PATIENCE_MS = 90_000;

/** One process. */
export class Worker {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #text = "";
  #over = false;
  readonly #nap: Nap = {};

  constructor(command: string[]) {
    const [program = "", ...words] = command;
    const { spawn } = process.getBuiltinModule("node:child_process");
    this.#process = spawn(program, words, {
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.pid = this.#process.pid ?? -1;
    this.#process.stdin?.on("error", () => {});
    this.#process.stdout?.setEncoding("utf8").on("data", (more: string) => {
      this.#text += more;
      this.#nap.end?.();
    });
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        this.#over = true;
        this.#nap.end?.();
        resolve();
      };
      this.#process.on("error", end).on("close", end);
    });
  }

  /** Gives an order; what comes of it. Throws what goes wrong. */
  async ask(order: Order): Promise<unknown> {
    const { ok, value, message } = await this.tell(order);
    if (ok) return value;
    throw new Error(message ?? "it failed");
  }

  /** Gives an order and waits for the answer. */
  async tell(order: Order): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return JSON.parse(line) as Answer;
      }
      if (this.#over) return { ok: false, message: "the process ended" };
      const left = deadline - Date.now();
      if (left <= 0) {
        return { ok: false, message: `no answer for ${PATIENCE_MS / 1000} s` };
      }
      await sleepAsync(left, this.#nap);
    }
  }

  /** Kills it, as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.#over) this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

/** All the processes of one test. */
export class Crew {
  readonly #command: string[];
  readonly #workers: Worker[] = [];

  /**
   * @param entry The URL of the program that `litelatch` is.
   * @param folder What the processes may touch.
   */
  constructor(entry: string, folder: string) {
    this.#command = [...commandFor(entry, folder), CHILD];
  }

  /** Starts some more. */
  start(count: number): Worker[] {
    const started = Array.from(
      { length: count },
      () => new Worker(this.#command),
    );
    this.#workers.push(...started);
    return started;
  }

  /** Ends all that are left. */
  async dismiss(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
  }
}

interface Deno {
  build: { standalone?: boolean };
}

/** The same program on the same runtime. */
function commandFor(entry: string, folder: string): string[] {
  const deno = (globalThis as { Deno?: Deno }).Deno;
  const compiled = deno?.build.standalone === true ||
    /\/(\$bunfs|~BUN)\//.test(entry);
  if (compiled) return [process.execPath];
  const script = entry.startsWith("file:") ? fileURLToPath(entry) : entry;
  if (deno === undefined) {
    return [process.execPath, ...process.execArgv, script];
  }
  return [
    process.execPath,
    "run",
    "--quiet",
    "--no-prompt",
    `--allow-read=${folder}`,
    `--allow-write=${folder}`,
    script,
  ];
}
