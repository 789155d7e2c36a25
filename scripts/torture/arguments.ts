/**
 * The command line of `deno task torture`.
 *
 * @module
 */

import { suggestion } from "../../src/cli/suggestion.ts";
import type { Storm } from "./storm.ts";

/** What the command line asked for. */
export interface Wishes {
  readonly help: boolean;
  readonly minutes: number;
  readonly seed: number;
  /** Names of storms; all of them when empty. */
  readonly storms: readonly string[];
}

/** The text of `--help`. */
export function help(storms: readonly Storm[]): string {
  const width = Math.max(...storms.map(({ name }) => name.length));
  const list = storms.map(({ name, about }) =>
    `  ${name.padEnd(width)}  ${about}`
  );
  return `Usage: deno task torture [options] [storm …]

Real processes on all runtimes share locks and databases while they are killed,
frozen, refused by the kernel and cut from power. What they did is judged from
outside: by a log in the kernel's own order, by sqlite3, by replayed disks.

Storms, all of them unless some are named:
${list.join("\n")}

Options:
  --minutes N  for all storms together, default 5
  --seed S     the choices of an earlier run, as its report gives it
  --help       print this

Exit code: 0 all promises kept, 1 one was broken, 2 not understood. What is
needed to look into a breach is kept in a folder, and its path is printed.`;
}

/**
 * Reads the command line.
 *
 * @throws {Error} On an unknown option or storm, naming what was meant.
 */
export function readArguments(
  args: readonly string[],
  known: readonly string[],
): Wishes {
  let help = false;
  let minutes = 5;
  let seed = Math.floor(Math.random() * 2 ** 32);
  const storms: string[] = [];
  const left = args.flatMap((arg) => {
    const [, name, value] = /^(--(?:minutes|seed))=(.*)$/s.exec(arg) ?? [];
    return name === undefined ? [arg] : [name, value ?? ""];
  });
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === "--help" || arg === "-h") help = true;
    else if (arg === "--minutes") minutes = minutesOf(left.shift());
    else if (arg === "--seed") seed = seedOf(left.shift());
    else if (arg.startsWith("-")) {
      const options = ["--minutes", "--seed", "--help"];
      throw new Error(
        `Cannot read the command line: there is no option "${arg}"${
          suggestion(arg, options)
        }`,
      );
    } else if (known.includes(arg)) storms.push(arg);
    else {
      throw new Error(
        `Cannot read the command line: there is no storm "${arg}"${
          suggestion(arg, [...known])
        }`,
      );
    }
  }
  return { help, minutes, seed, storms };
}

function minutesOf(text = ""): number {
  const minutes = /^\d{1,5}(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (minutes > 0) return minutes;
  throw new Error(
    "Cannot read the command line: --minutes must be a number above 0, " +
      `got "${text}"`,
  );
}

/**
 * Reads a seed.
 *
 * @throws {Error} When it is none.
 */
export function seedOf(text = ""): number {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (seed >= 0 && seed < 2 ** 32) return seed;
  throw new Error(
    "Cannot read the command line: the seed must be a whole number below " +
      `2^32, got "${text}"`,
  );
}
