/**
 * Reads the face and everything below `src/`, and who imports whom.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { importsOf } from "./imports.ts";
import { type Token, tokenize } from "./tokens.ts";

/** Where everything begins that `.` holds. */
export const FACE = "mod.ts";

/** One breach of one rule, in a sentence that says what to do. */
export interface Problem {
  /** Relative to the root, with forward slashes. */
  readonly file: string;
  readonly line: number;
  readonly sentence: string;
}

/** One file of the sources. */
export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly file: string;
  readonly lines: number;
  readonly tokens: readonly Token[];
  /** What it imports, types included; `target` is `null` for a package. */
  readonly imports: readonly {
    readonly specifier: string;
    readonly target: string | null;
    readonly line: number;
  }[];
}

/** By path; the face is missing where there is none. */
export type Sources = ReadonlyMap<string, Source>;

/** Reads `mod.ts` and what is code below `src/` of one folder. */
export function readSources(root: string): Sources {
  const names = existsSync(join(root, FACE)) ? [FACE] : [];
  if (existsSync(join(root, "src"))) {
    for (const name of readdirSync(join(root, "src"), { recursive: true })) {
      names.push(`src/${String(name).replaceAll("\\", "/")}`);
    }
  }
  const files = names.filter((name) => /\.[cm]?[jt]sx?$/.test(name)).sort();
  return new Map(files.map((file) => [file, readSource(root, file)]));
}

function readSource(root: string, file: string): Source {
  const text = readFileSync(join(root, file), "utf8");
  const tokens = tokenize(text);
  return {
    file,
    lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    tokens,
    imports: importsOf(tokens).map(({ specifier, line }) => ({
      specifier,
      target: specifier.startsWith(".")
        ? posix.join(posix.dirname(file), specifier)
        : null,
      line,
    })),
  };
}

/** A file and all that it reaches by imports, types included. */
export function reachedFrom(sources: Sources, file: string): Source[] {
  const reached = new Map<string, Source>();
  const coming = [file];
  for (let next = coming.pop(); next !== undefined; next = coming.pop()) {
    const source = sources.get(next);
    if (source === undefined || reached.has(next)) continue;
    reached.set(next, source);
    for (const { target } of source.imports) {
      if (target !== null) coming.push(target);
    }
  }
  return [...reached.values()];
}
