/**
 * The command line of `deno task demo`.
 *
 * @module
 */

import { suggestion } from "../../src/cli/suggestion.ts";

export const HELP = `Usage: deno task demo [options]

Nine real processes, three on each runtime, end at the same moment and write
to one database: as a hook did it that hung, with busy_timeout alone, and with
litelatch. Takes well under a minute.

Options:
  --rounds N  how often all of them end at once, default 20
  --keep      leave the folder with the three databases
  --help      print this`;

/** What the command line asked for. */
export interface Wishes {
  readonly help: boolean;
  readonly keep: boolean;
  readonly rounds: number;
}

/**
 * Reads the command line.
 *
 * @throws {Error} On an unknown option, naming the one that was meant.
 */
export function readArguments(args: readonly string[]): Wishes {
  const wishes = { help: false, keep: false, rounds: 20 };
  const left = args.flatMap((arg) =>
    arg.startsWith("--rounds=") ? ["--rounds", arg.slice(9)] : [arg]
  );
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === "--help" || arg === "-h") wishes.help = true;
    else if (arg === "--keep") wishes.keep = true;
    else if (arg === "--rounds") wishes.rounds = roundsOf(left.shift());
    else {
      const [name = ""] = arg.split("=");
      const known = ["--rounds", "--keep", "--help"];
      throw new Error(
        `Cannot read the command line: there is no option "${arg}"${
          suggestion(name, known)
        }`,
      );
    }
  }
  return wishes;
}

function roundsOf(text = ""): number {
  const rounds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (rounds > 0) return rounds;
  throw new Error(
    "Cannot read the command line: --rounds must be a whole number from 1 " +
      `to 9999, got "${text}"`,
  );
}
