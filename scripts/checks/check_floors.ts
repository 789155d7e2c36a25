/**
 * Holds the layout of the sources: which room imports from which floor, and
 * who may speak of a runtime.
 *
 * Not here, because a ready tool holds them: `any` (`deno lint`), enums,
 * namespaces and parameter properties (`erasableSyntaxOnly`, `deno check`).
 *
 * @module
 */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { defaultExportsOf, firstLogic, isProperty } from "./floors/imports.ts";
import {
  FACE,
  type Problem,
  readSources,
  type Source,
} from "./floors/sources.ts";
import type { Token } from "./floors/tokens.ts";

/**
 * A room is a file, or a folder with a slash at its end; a file comes before
 * its folder. It imports only from floors below its own; files in one folder
 * may import each other. So rooms on one floor do not know each other, and
 * diagnosis cannot open a database.
 */
const FLOORS: Readonly<Record<string, number>> = {
  "src/cli/": 7,
  "src/migrate/": 7,
  [FACE]: 6,
  "src/open.ts": 5,
  "src/database/": 4,
  "src/loss/": 3,
  "src/etcd/": 3,
  "src/inspect/": 3,
  "src/legacy/": 3,
  "src/lock/": 2,
  "src/wal/": 2,
  "src/os/": 1,
  "src/driver/contract.ts": 0,
  "src/driver/": 1,
  "src/errors.ts": 0,
  "src/options.ts": 0,
  "src/printable.ts": 0,
  "src/settings.ts": 0,
};

/** Its rooms hold words and types only, and may know each other. */
const GROUND = 0;

/** The entries beside the core, and what others may import of each. */
const ENTRIES: Readonly<Record<string, string>> = {
  "src/cli/": "src/cli/main.ts",
  "src/etcd/": "src/etcd/mod.ts",
  "src/inspect/": "src/inspect/mod.ts",
  "src/legacy/": "src/legacy/mod.ts",
  "src/migrate/": "src/migrate/mod.ts",
};

/** The rooms that may use runtime globals and built-in modules. */
const NEAR_THE_RUNTIME = ["src/os/", "src/driver/", "src/cli/"];
const RUNTIME_GLOBALS = ["Bun", "Deno", "process"];
const NEAR_SQLITE = "src/driver/";

/** Checks `mod.ts` and every file below `src/` of one folder. */
export function checkFloors(root: string): Problem[] {
  const sources = readSources(root);
  const problems = [...sources.values()].flatMap(checkFile);
  if (!sources.has(FACE)) {
    const sentence = "The face is missing: write it, or check another folder";
    problems.unshift({ file: FACE, line: 1, sentence });
  }
  return problems;
}

function checkFile({ file, tokens, imports }: Source): Problem[] {
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
  for (const { specifier, target, line } of imports) {
    const sentence = target === null
      ? judgePackage(specifier)
      : judgeImport(room, target);
    if (sentence !== null) say(line, sentence);
  }
  for (const line of defaultExportsOf(tokens)) {
    say(line, "Nothing is exported as default: give it a name");
  }
  if (file === FACE) {
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
  tokens.forEach((token, i) => {
    const sentence = judgeToken(file, tokens, i);
    if (sentence !== null) say(token.line, sentence);
  });
  return problems;
}

function judgePackage(specifier: string): string | null {
  // Whether this room may have built-ins is judged with the strings.
  return /^(node|bun):/.test(specifier)
    ? null
    : `Only relative paths are imported, got "${specifier}": ` +
      "litelatch has no dependencies";
}

function judgeImport(room: string | undefined, target: string): string | null {
  if (room === undefined) return null;
  const other = roomOf(target);
  if (other === undefined) {
    return `A room imports only from rooms, got ${target}: ` +
      "no line of FLOORS in scripts/checks/check_floors.ts names it";
  }
  if (other === room && room.endsWith("/")) return null;
  const face = ENTRIES[other];
  if (face !== undefined && ENTRIES[room] === undefined) {
    return `The core imports nothing of an entry, got ${target}: ` +
      "move what both need into a room of the core, or hand it in";
  }
  const [own, below] = [FLOORS[room]!, FLOORS[other]!];
  if (below > own || (below === own && own !== GROUND)) {
    return `${room} is on floor ${own} and imports only from floors below, ` +
      `got ${other} on floor ${below}: move what both need further down, ` +
      "or hand it in as an argument";
  }
  if (face !== undefined && target !== face) {
    return `An entry imports no other entry's inside, got ${target}: ` +
      `import from ${face}, or move it into a room of the core`;
  }
  return null;
}

function judgeToken(
  file: string,
  tokens: readonly Token[],
  i: number,
): string | null {
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

if (import.meta.main) {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const problems = checkFloors(root);
  for (const { file, line, sentence } of problems) {
    console.error(`${file}:${line}: ${sentence}`);
  }
  process.exitCode = problems.length === 0 ? 0 : 1;
}
