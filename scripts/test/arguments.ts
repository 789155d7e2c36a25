/**
 * The command line of `deno task test`.
 *
 * @module
 */

import { type Pin, PINS, USUAL } from "../runtimes/runtimes.ts";

export const HELP = `Usage: deno task test [options] [filter …]

Runs the checks (format, lint, types, docs, floors) and a minute of torture,
then the tests on every runtime. With a filter, only the test files whose path
contains it run, and the rest is left out: "lock/" is all of tests/lock/, and
"storm" every storm. A file that runs alone shows what it prints: some print the
figures of the docs.

Options:
  --runtime=<names>  only on these, split by commas: ${
  PINS.map(nameOf).join(", ")
} (the last only if named)
  --help             print this

LITELATCH_SEED=<n> makes other choices in the torture.`;

/** What the command line asked for. */
export interface Wishes {
  readonly help: boolean;
  /** The runtimes to test on, by id. */
  readonly runtimes: readonly string[];
  readonly filters: readonly string[];
}

/**
 * Reads the command line.
 *
 * @throws {Error} On an unknown option or runtime, naming the known ones.
 */
export function readArguments(args: readonly string[]): Wishes {
  let runtimes = USUAL;
  let help = false;
  const filters: string[] = [];
  for (const arg of args) {
    const [option, value] = split(arg);
    if (option === "--help" || option === "-h") help = true;
    else if (option === "--runtime") runtimes = value.split(",").map(idOf);
    else if (option.startsWith("-")) {
      throw new Error(
        `Cannot read the command line: an option must be --runtime=<names> ` +
          `or --help, got "${arg}"${suggest(option)}`,
      );
    } else filters.push(arg);
  }
  return { help, runtimes, filters };
}

/** `node24` says more than `node`; both are taken. */
function nameOf(pin: Pin): string {
  if (pin.program !== "node") return pin.id;
  return pin.program + pin.version.split(".", 1)[0];
}

function idOf(name: string): string {
  const pin = PINS.find((pin) => pin.id === name || nameOf(pin) === name);
  if (pin !== undefined) return pin.id;
  throw new Error(
    "Cannot read the command line: --runtime must be one of " +
      `${PINS.map(nameOf).join(", ")}, got "${name}"`,
  );
}

function split(arg: string): [string, string] {
  const at = arg.indexOf("=");
  return at === -1 ? [arg, ""] : [arg.slice(0, at), arg.slice(at + 1)];
}

/** Three letters in common are enough among two options. */
function suggest(option: string): string {
  const letters = option.replace(/^-+/, "").toLowerCase();
  const near = ["--runtime", "--help"].find((known) =>
    letters !== "" && known.startsWith("--" + letters.slice(0, 3))
  );
  return near === undefined ? "" : `, did you mean ${near}?`;
}
