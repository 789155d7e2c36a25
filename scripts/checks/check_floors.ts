/**
 * Holds the layout of the sources: which room imports from which floor, who
 * may speak of a runtime, and how large a file may grow.
 *
 * Not here, because a ready tool holds them: `any` (`deno lint`), enums,
 * namespaces and parameter properties (`erasableSyntaxOnly`, `deno check`).
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  defaultExportsOf,
  firstLogic,
  importsOf,
  isProperty,
} from "./floors/imports.ts";
import { type Token, tokenize } from "./floors/tokens.ts";

/**
 * A room is a file, or a folder with a slash at its end. It imports only from
 * floors below its own; files in one folder may import each other. So rooms
 * on one floor do not know each other, and diagnosis cannot open a database.
 */
const FLOORS: Readonly<Record<string, number>> = {
  "mod.ts": 5,
  "src/open.ts": 4,
  "src/cli/": 4,
  "src/database.ts": 3,
  "src/database/": 3,
  "src/etcd/": 3,
  "src/inspect.ts": 3,
  "src/inspect/": 3,
  "src/pragmas.ts": 2,
  "src/busy.ts": 2,
  "src/loss.ts": 2,
  "src/lock.ts": 2,
  "src/lock/": 2,
  "src/wal.ts": 2,
  "src/wal/": 2,
  "src/os/": 1,
  "src/driver/": 1,
  "src/errors.ts": 0,
  "src/options.ts": 0,
  "src/settings.ts": 0,
  "src/settings.ts": 0,
  "src/sqlite_version.ts": 0,
};

/** Its rooms hold words and types only, and may know each other. */
const GROUND = 0;

/** The rooms that may use runtime globals and built-in modules. */
const NEAR_THE_RUNTIME = ["src/os/", "src/driver/", "src/cli/"];
const RUNTIME_GLOBALS = ["Bun", "Deno", "process"];
const NEAR_SQLITE = "src/driver/";
const MOST_LINES = 250;

/** One breach of one rule, in a sentence that says what to do. */
export interface Problem {
  /** Relative to the root, with forward slashes. */
  readonly file: string;
  readonly line: number;
  readonly sentence: string;
}

/** What the check found below one root. */
export interface FloorReport {
  readonly problems: readonly Problem[];
  readonly files: number;
  /** Lines of the middle and of the largest file below `src/`. */
  readonly median: number;
  readonly largest: number;
}

/** Checks `mod.ts` and every file below `src/` of one folder. */
export function checkFloors(root: string): FloorReport {
  const sizes: number[] = [];
  const problems: Problem[] = [];
  for (const file of sourcesOf(root)) {
    if (!existsSync(join(root, file))) {
      const sentence = "The face is missing: write it, or check another folder";
      problems.push({ file, line: 1, sentence });
      continue;
    }
    const source = readFileSync(join(root, file), "utf8");
    const lines = source.split("\n").length - (source.endsWith("\n") ? 1 : 0);
    if (file !== "mod.ts") sizes.push(lines);
    problems.push(...checkFile(file, tokenize(source), lines));
  }
  sizes.sort((a, b) => a - b);
  return {
    problems,
    files: sizes.length,
    median: sizes[Math.floor(sizes.length / 2)] ?? 0,
    largest: sizes.at(-1) ?? 0,
  };
}

function checkFile(file: string, tokens: Token[], lines: number): Problem[] {
  const problems: Problem[] = [];
  const say = (line: number, sentence: string) =>
    problems.push({ file, line, sentence });

  const room = roomOf(file);
  if (room === undefined) {
    say(
      1,
      "A source file must be in a room: move it into one, " +
        "or add a line to FLOORS in scripts/checks/check_floors.ts",
    );
  }
  for (const { specifier, line } of importsOf(tokens)) {
    const sentence = judgeImport(file, room, specifier);
    if (sentence !== null) say(line, sentence);
  }
  for (const line of defaultExportsOf(tokens)) {
    say(line, "Nothing is exported as default: give it a name");
  }
  if (file === "mod.ts") {
    const line = firstLogic(tokens);
    if (line !== null) {
      say(
        line,
        'mod.ts holds only `export { … } from "…"`: ' +
          "move everything else into a room",
      );
    }
    return problems;
  }
  if (lines > MOST_LINES) {
    say(
      lines,
      `A file must have at most ${MOST_LINES} lines, got ${lines}: ` +
        "split it where it has two reasons",
    );
  }
  tokens.forEach((token, i) => {
    const sentence = judgeToken(file, tokens, i);
    if (sentence !== null) say(token.line, sentence);
  });
  return problems;
}

function judgeImport(
  file: string,
  room: string | undefined,
  specifier: string,
): string | null {
  if (!specifier.startsWith(".")) {
    // Whether this room may have built-ins is judged with the strings.
    return /^(node|bun):/.test(specifier)
      ? null
      : `Only relative paths are imported, got "${specifier}": ` +
        "litelatch has no dependencies";
  }
  if (room === undefined) return null;
  const target = posix.join(posix.dirname(file), specifier);
  const other = roomOf(target);
  if (other === undefined) {
    return `A room imports only from rooms, got ${target}: ` +
      "no line of FLOORS in scripts/checks/check_floors.ts names it";
  }
  const [own, below] = [FLOORS[room]!, FLOORS[other]!];
  if (below < own || (own === GROUND && below === GROUND)) return null;
  if (other === room && room.endsWith("/")) return null;
  return `${room} is on floor ${own} and imports only from floors below, ` +
    `got ${other} on floor ${below}: move what both need further down, ` +
    "or hand it in as an argument";
}

function judgeToken(file: string, tokens: Token[], i: number): string | null {
  const { kind, text } = tokens[i]!;
  if (kind === "string") {
    if (text.includes(":sqlite") && !file.startsWith(NEAR_SQLITE)) {
      return `Only ${NEAR_SQLITE} says ":sqlite": ask it for a connection`;
    }
    if (/^(node|bun):\S+$/.test(text) && !isNearTheRuntime(file)) {
      return `Only ${NEAR_THE_RUNTIME.join(", ")} use built-in modules, ` +
        `got "${text}": add a verb to one of them`;
    }
  }
  if (kind === "word" && RUNTIME_GLOBALS.includes(text)) {
    const ofGlobal = tokens[i - 1]?.text === "." &&
      tokens.slice(Math.max(0, i - 3), i).some((t) => t.text === "globalThis");
    if (!isNearTheRuntime(file) && (ofGlobal || !isProperty(tokens, i))) {
      return `Only ${NEAR_THE_RUNTIME.join(", ")} use runtime globals, ` +
        `got ${text}: add a verb to one of them`;
    }
  }
  return null;
}

function isNearTheRuntime(file: string): boolean {
  return NEAR_THE_RUNTIME.some((room) => file.startsWith(room));
}

function roomOf(file: string): string | undefined {
  return Object.keys(FLOORS).find((room) =>
    room.endsWith("/") ? file.startsWith(room) : file === room
  );
}

/** The face and everything that is code below `src/`. */
function sourcesOf(root: string): string[] {
  const names = ["mod.ts"];
  if (existsSync(join(root, "src"))) {
    for (const name of readdirSync(join(root, "src"), { recursive: true })) {
      names.push(`src/${String(name).replaceAll("\\", "/")}`);
    }
  }
  return names.filter((name) => /\.[cm]?[jt]sx?$/.test(name)).sort();
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const { problems, files, median, largest } = checkFloors(root);
  for (const { file, line, sentence } of problems) {
    console.error(`${file}:${line}: ${sentence}`);
  }
  console.log(`${files} files, median ${median} lines, largest ${largest}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
