/**
 * What was typed, and what was probably meant.
 *
 * @module
 */

import { suggestion } from "./suggestion.ts";

/** The commands, each with the options that it knows beside the common ones. */
export const COMMANDS = {
  doctor: ["--limit"],
  who: [],
  watch: ["--limit", "--interval", "--ticks"],
  checkpoint: [],
  clean: [],
  selftest: [],
  vendor: ["--check"],
} as const satisfies Record<string, readonly string[]>;

/** The word that makes the command a process of `selftest`. */
export const CHILD = "selftest-child";

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS;

/** What was asked for. */
export interface Wishes {
  command: CommandName;
  path: string;
  json: boolean;
  /** The size at which a WAL is too large, in bytes. */
  limit: number;
  /** Between two looks, in milliseconds. */
  interval: number;
  ticks: number;
  /** Of `vendor`: compare a file instead of writing. */
  check: boolean;
  /** Of `vendor`: what to write beside the core. */
  entries: string[];
}

/** Something that was typed wrong; the message says what would be right. */
export class UsageError extends Error {}

const COMMON = ["--help", "--version", "--json"];
const SHORT: Record<string, string> = { "-h": "--help", "-V": "--version" };
const MIB = 1024 * 1024;

/** Reads the command line. */
export function readArguments(
  words: readonly string[],
): Wishes | { show: "help" | "version"; command: CommandName | null } {
  const values = new Map<string, string>();
  const plain: string[] = [];
  const options: string[] = [];
  let literally = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (literally || !word.startsWith("-") || word === "-") {
      plain.push(word);
      continue;
    }
    if (word === "--") {
      literally = true;
      continue;
    }
    const [name = "", value] = split(SHORT[word] ?? word);
    options.push(name);
    if (value !== undefined) values.set(name, value);
    else if (VALUED.includes(name)) values.set(name, words[++i] ?? "");
  }
  const [name, path, ...rest] = plain;
  const command = name === undefined ? null : commandOf(name);
  const known = [...COMMON, ...(command === null ? VALUED : COMMANDS[command])];
  for (const option of options) {
    if (known.includes(option)) continue;
    throw new UsageError(
      `There is no option "${option}"${suggestion(option, known)}`,
    );
  }
  const flag = [...values.keys()].find((option) => !VALUED.includes(option));
  if (flag) throw new UsageError(`The option "${flag}" takes no value`);
  if (options.includes("--help")) return { show: "help", command };
  if (options.includes("--version")) return { show: "version", command };
  if (command === null) return { show: "help", command };
  if (path === undefined || path === "") {
    const what = NEEDS[command] ?? "a database";
    throw new UsageError(`\`litelatch ${command}\` needs the path of ${what}`);
  }
  const check = options.includes("--check");
  const entries = command === "vendor" && !check ? rest.splice(0) : [];
  const strange = entries.find((entry) => !ENTRIES.includes(entry));
  if (strange !== undefined) {
    throw new UsageError(
      `There is no entry "${strange}"${suggestion(strange, ENTRIES)}`,
    );
  }
  if (rest.length > 0) {
    throw new UsageError(
      `\`litelatch ${command}\` takes one path, got "${rest[0]}" besides`,
    );
  }
  return {
    command,
    path,
    json: options.includes("--json"),
    limit: number("--limit", values, 16) * MIB,
    interval: number("--interval", values, 1) * 1000,
    ticks: number("--ticks", values, Infinity),
    check,
    entries,
  };
}

/** What can be vendored beside the core. */
export const ENTRIES = ["inspect", "legacy", "etcd", "migrate"];

const NEEDS: { [command in CommandName]?: string } = {
  selftest: "a folder",
  vendor: "a folder, or with --check a file",
};

const VALUED = ["--limit", "--interval", "--ticks"];

function split(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at === -1
    ? [word, undefined]
    : [word.slice(0, at), word.slice(at + 1)];
}

function commandOf(name: string): CommandName {
  if (Object.hasOwn(COMMANDS, name)) return name as CommandName;
  const known = Object.keys(COMMANDS);
  throw new UsageError(
    `There is no command "${name}"${suggestion(name, known)}`,
  );
}

function number(
  option: string,
  values: Map<string, string>,
  usual: number,
): number {
  const text = values.get(option);
  if (text === undefined) return usual;
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value < 1e6) return value;
  throw new UsageError(
    `The option "${option}" must be a number above 0, got "${text}"`,
  );
}
