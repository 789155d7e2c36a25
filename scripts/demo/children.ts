/**
 * Starts real processes, reads what they say, and ends them.
 *
 * @module
 */

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Runtime } from "../runtimes/runtimes.ts";
import { linesOf } from "./lines.ts";

/** A process of the demo. */
export interface Child {
  /** For people: `"Bun 1.4.5, PID 4242"`. */
  readonly label: string;
  /** The next line it says; throws when it ends instead. */
  nextLine(): Promise<string>;
  /** Sends it a line. */
  send(line: string): void;
  /** Closes its stdin, at which it is to end by itself. */
  dismiss(): void;
  /** Resolves when it has ended, to its exit code and its stderr. */
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

const alive = new Map<() => void, Promise<unknown>>();

/** Starts a TypeScript file of this folder on a runtime. */
export function startChild(
  runtime: Runtime,
  file: string,
  args: readonly string[],
): Child {
  const [program, ...flags] = commandOf(runtime);
  const script = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(program!, [...flags, script, ...args], {
    // A group of its own: Ctrl-C in a terminal is for the demo to answer.
    detached: process.platform !== "win32",
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
  child.stdin.on("error", () => {}); // it has ended, as `ended` tells
  const label = `${runtime.label}, PID ${child.pid}`;
  const next = linesOf(child.stdout);

  const ended = new Promise<{ code: number | null; stderr: string }>(
    (resolve) => {
      const finish = (code: number | null) => {
        alive.delete(kill);
        resolve({ code, stderr: stderr.trim() });
      };
      child.on("error", (error) => {
        stderr += error.message;
        finish(null);
      });
      child.on("close", finish);
    },
  );
  const kill = () => void child.kill("SIGKILL");
  alive.set(kill, ended);
  return {
    label,
    ended,
    send: (line) => void child.stdin.write(`${line}\n`),
    dismiss: () => void child.stdin.end(),
    async nextLine() {
      const line = await next();
      if (line !== null) return line;
      const { code } = await ended;
      throw new Error(
        `Cannot go on: ${label} ended early (exit code ${code})` +
          (stderr === "" ? "" : `:\n${stderr.trim()}`),
      );
    },
  };
}

/** Ends every process that is still there, and waits until it is gone. */
export async function endChildren(): Promise<void> {
  const gone = [...alive.values()];
  for (const kill of alive.keys()) kill();
  await Promise.all(gone);
}

/** Node 22 prints a warning for whoever loads its SQLite. */
function commandOf({ id, command }: Runtime): string[] {
  const [program = "", ...flags] = command;
  if (id !== "node") return [program, ...flags];
  return [program, "--disable-warning=ExperimentalWarning", ...flags];
}
