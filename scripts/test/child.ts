/**
 * Runs one command in a process group of its own, with a limit.
 *
 * Many-process tests start children, and a test that fails may leave them
 * behind. The group is what makes it possible to end exactly those.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import process from "node:process";

/** How a command ended. */
export interface Outcome {
  /** `null` when a signal ended it or it never started. */
  readonly code: number | null;
  /** What it said on stdout and stderr, in the order in which it came. */
  readonly output: string;
  /** Why it did not end by itself, in words, or `null`. */
  readonly cut: string | null;
}

/** The groups that are alive now, for when we are told to stop. */
const groups = new Set<number>();

/** Runs a command to its end or to its limit, in milliseconds. */
export function runChild(
  command: readonly string[],
  limit: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const [program, ...args] = command;
  const child = spawn(program!, args, {
    detached: process.platform !== "win32", // there it opens a window
    env: childEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  let cut: string | null = null;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => void chunks.push(chunk));
  }
  const { pid } = child;
  if (pid !== undefined) groups.add(pid);
  const timer = setTimeout(() => {
    cut = `it did not end within ${Math.round(limit / 1000)} s`;
    if (pid !== undefined) endGroup(pid);
  }, Math.max(limit, 0));

  return new Promise((resolve) => {
    let code: number | null = null;
    let done = false;
    function finish(): void {
      if (done) return;
      done = true;
      clearTimeout(timer);
      resolve({ code, output: chunks.join(""), cut });
    }
    child.on("error", (error) => {
      cut = `it did not start (${error.message})`;
      finish();
    });
    child.on("exit", (status, signal) => {
      code = status;
      if (signal !== null) cut ??= `it was ended by ${signal}`;
      // A child left behind would hold the pipes open, and locks too.
      if (pid !== undefined) endGroup(pid);
      // One that left the group may still hold a pipe: do not wait for it.
      setTimeout(finish, 2_000).unref();
    });
    child.on("close", finish);
  });
}

/** Ends every process that is still running on our behalf. */
export function endAll(): void {
  for (const pid of groups) endGroup(pid);
}

function endGroup(pid: number): void {
  groups.delete(pid);
  if (process.platform === "win32") {
    // There are no groups, but it knows the children of a process that lives.
    spawnSync("taskkill", ["/T", "/F", "/PID", String(pid)], {
      stdio: "ignore",
    });
    return;
  }
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // nobody is left in it, as it should be
  }
}

function childEnvironment(
  env: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const merged: NodeJS.ProcessEnv = { ...process.env, ...env, NO_COLOR: "1" };
  delete merged["FORCE_COLOR"]; // it contradicts NO_COLOR, and Node says so
  // Deno and Bun would ask a proxy of the machine for a test's own servers.
  for (const name of ["no_proxy", "NO_PROXY"]) {
    merged[name] = `${merged[name] ?? ""},127.0.0.1,localhost`;
  }
  return merged;
}
