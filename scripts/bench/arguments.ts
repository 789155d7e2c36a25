/**
 * The command line of `deno task bench`.
 *
 * @module
 */

import { suggestion } from "../../src/cli/suggestion.ts";
import { USUAL } from "../runtimes/runtimes.ts";
import type { Section } from "./section.ts";

/** What the command line asked for. */
export interface Wishes {
  readonly sections: readonly Section[];
  readonly runtimes: readonly string[];
  readonly scale: number;
  readonly save: boolean;
  readonly help: boolean;
}

const RUNTIMES = [...USUAL];
const OPTIONS = ["--runtime", "--scale", "--save", "--help"];

/**
 * Reads the command line.
 *
 * @throws {Error} On an unknown word, naming the one that was meant.
 */
export function readArguments(
  args: readonly string[],
  known: readonly Section[],
): Wishes {
  const sections: Section[] = [];
  const wishes = { runtimes: RUNTIMES, scale: 1, save: false, help: false };
  for (const arg of args) {
    const [option = "", value = ""] = arg.split("=", 2);
    if (arg === "--help" || arg === "-h") wishes.help = true;
    else if (arg === "--save") wishes.save = true;
    else if (option === "--scale") wishes.scale = scaleOf(value);
    else if (option === "--runtime") wishes.runtimes = runtimesOf(value);
    else if (arg.startsWith("-")) throw unknown("option", option, OPTIONS);
    else sections.push(sectionOf(arg, known));
  }
  return { ...wishes, sections: sections.length > 0 ? sections : known };
}

/** What `--help` prints. */
export function helpText(known: readonly Section[]): string {
  const minutes = known.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return `Usage: deno task bench [options] [section …]

Measures, and compares within the same run, with real processes:
${
    known.map(({ name, title, target, seconds }) =>
      `  ${name.padEnd(10)}${`${seconds} s`.padStart(5)}  ${title}: ${target}`
    ).join("\n")
  }

All of them take about ${
    Math.ceil(minutes)
  } minutes on two idle cores. Other work on the
machine makes the figures worse, and each table states the load.

Options:
  --runtime=<ids>  only on these, split by commas: ${RUNTIMES.join(", ")}
  --scale=<n>      length of the run, default 1; 0.1 only tries it
  --save           write tables and plots to scripts/bench/results/
  --help           print this`;
}

function sectionOf(word: string, known: readonly Section[]): Section {
  const section = known.find(({ name }) => name === word);
  if (section !== undefined) return section;
  throw unknown("section", word, known.map(({ name }) => name));
}

function scaleOf(text: string): number {
  const scale = Number(text);
  if (scale > 0 && scale <= 100) return scale;
  throw new Error(
    "Cannot read the command line: --scale must be a number above 0 and up " +
      `to 100, got "${text}"`,
  );
}

function runtimesOf(text: string): string[] {
  const ids = text.split(",");
  const wrong = ids.find((id) => !RUNTIMES.includes(id));
  if (wrong === undefined) return ids;
  throw unknown("runtime", wrong, RUNTIMES);
}

function unknown(what: string, word: string, known: string[]): Error {
  return new Error(
    `Cannot read the command line: there is no ${what} "${word}"${
      suggestion(word, known)
    }`,
  );
}
