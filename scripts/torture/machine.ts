/**
 * What this machine lets a storm do.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import process from "node:process";

const answers = new Map<string, boolean>();

/** `false` if every command can be run, otherwise which one cannot. */
export function lacking(...commands: readonly string[]): string | false {
  for (const command of commands) {
    let answer = answers.get(command);
    if (answer === undefined) {
      const [program = "", ...words] = command.split(" ");
      const { status } = spawnSync(program, words, { stdio: "ignore" });
      answer = status === 0;
      answers.set(command, answer);
    }
    if (!answer) return `"${command}" fails here`;
  }
  return false;
}

/** `false` for root on Linux. */
export function notRoot(what: string): string | false {
  return process.platform !== "linux" || process.getuid?.() !== 0
    ? `only root on Linux can ${what}`
    : false;
}

/** Looks at a database from outside. */
export const SQLITE3 = "sqlite3 -version";

/** Traces a child: some containers forbid it. */
export const STRACE = "strace -f -qq --seccomp-bpf -o /dev/null true";
