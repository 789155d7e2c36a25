/**
 * Starts processes on the runtimes, and ends them.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Runtime } from "../runtimes/runtimes.ts";

/** How a process ended, and what it complained of. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** How a program is started. */
export interface Launch {
  /** Words in front of the runtime, such as those of strace. */
  readonly prefix?: readonly string[];
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The program's path, where it is not the one of this folder. */
  readonly program?: string;
  readonly runtime: Runnable;
}

/** As much of a runtime as it takes to start a program on it. */
export type Runnable = Pick<Runtime, "id" | "label" | "command">;

const living = new Map<Child, Promise<Ending>>();
const common: Record<string, string> = { NO_COLOR: "1" };

/** Gives every process from now on a variable. */
export function setCommon(name: string, value: string): void {
  common[name] = value;
}

/** A running program, perhaps behind strace or in a namespace of its own. */
export class Child {
  readonly command: readonly string[];
  readonly label: string;
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  #wake: (() => void) | null = null;
  #rest = "";
  #over = false;

  constructor(file: string, launch: Launch, ...args: readonly string[]) {
    const { prefix = [], runtime, program = programPath(file) } = launch;
    this.command = [...prefix, ...commandOf(runtime), program, ...args];
    this.label = `${runtime.label} (${this.command[0]})`;
    const [first = "", ...words] = this.command;
    const env: NodeJS.ProcessEnv = { ...process.env, ...common, ...launch.env };
    delete env["FORCE_COLOR"];
    const { uid } = launch;
    this.#process = spawn(first, words, {
      // A group of its own: Ctrl-C in a terminal is for the harness.
      detached: true,
      env,
      stdio: ["pipe", "pipe", "pipe"],
      // Another user may not be let into the folder that we are in.
      ...(uid === undefined ? {} : { uid, gid: uid, cwd: dirname(program) }),
    });
    let stderr = "";
    this.#process.stdin?.on("error", () => {}); // it has ended
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-20_000);
    });
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      this.#lines.push(...lines);
      this.#wake?.();
    });
    this.ended = new Promise((resolve) => {
      const finish = (code: number | null, signal: string | null) => {
        if (this.#over) return;
        this.#over = true;
        living.delete(this);
        this.#wake?.();
        resolve({ code, signal, stderr });
      };
      this.#process.on("error", (error) => {
        stderr += error.message;
        finish(null, null);
      });
      this.#process.on("exit", (code, signal) => {
        // What it said last may still be on its way.
        setTimeout(() => finish(code, signal), 20);
      });
    });
    living.set(this, this.ended);
  }

  /** Whether it has not ended yet. */
  get alive(): boolean {
    return !this.#over;
  }

  /** Sends it a line. */
  send(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** The next line it says; `null` when it ends instead. */
  async line(): Promise<string | null> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#over) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }

  /** Ends its stdin, at which it is to end by itself. */
  dismiss(): void {
    this.#process.stdin?.end();
  }

  /** Sends a signal to the runtime itself, not to what stands before it. */
  signal(signal: NodeJS.Signals): void {
    if (this.#over || this.#process.pid === undefined) return;
    send(lastOf(this.#process.pid), signal);
  }

  /** Ends it and whatever it started. */
  end(): void {
    if (this.#process.pid !== undefined) send(-this.#process.pid, "SIGKILL");
  }

  /** Waits for it to end by itself; `null` if it does not in time. */
  async endedWithin(milliseconds: number): Promise<Ending | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), milliseconds);
    });
    try {
      return await Promise.race([this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Ends every process that is still there, and waits until it is gone. */
export async function endChildren(): Promise<void> {
  const gone = [...living.values()];
  for (const child of living.keys()) child.end();
  await Promise.all(gone);
}

/** The path of a program of the storms. */
export function programPath(file: string): string {
  return fileURLToPath(new URL(`programs/${file}`, import.meta.url));
}

function commandOf({ id, command }: Runnable): string[] {
  const [program = "", ...flags] = command;
  if (id !== "node") return [program, ...flags];
  return [program, "--disable-warning=ExperimentalWarning", ...flags];
}

/** The last process of a chain in which each one started the next. */
function lastOf(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    const child = Number(children.trim().split(" ")[0]);
    return child > 0 ? lastOf(child) : pid;
  } catch {
    return pid; // it has just ended
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
