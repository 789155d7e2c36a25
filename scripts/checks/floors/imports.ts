/**
 * Finds what a file imports and exports, from its tokens.
 *
 * @module
 */

import type { Token } from "./tokens.ts";

/** One module that a file asks for, in whatever form. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Lists static, dynamic and type imports and re-exports. */
export function importsOf(tokens: readonly Token[]): Import[] {
  const found: Import[] = [];
  tokens.forEach((token, i) => {
    if (token.kind !== "word" || isProperty(tokens, i)) return;
    const specifier = token.text === "import"
      ? afterImport(tokens, i)
      : token.text === "export"
      ? afterExport(tokens, i)
      : undefined;
    if (specifier === undefined) return;
    found.push({ specifier: specifier.text, line: specifier.line });
  });
  return found;
}

/** The lines on which something is exported as default. */
export function defaultExportsOf(tokens: readonly Token[]): number[] {
  const lines: number[] = [];
  tokens.forEach((token, i) => {
    if (token.text !== "export" || token.kind !== "word") return;
    if (isProperty(tokens, i)) return;
    if (tokens[i + 1]?.text === "default") lines.push(token.line);
    if (tokens[i + 1]?.text !== "{") return;
    const names = tokens.slice(i, endOfList(tokens, i));
    const renamed = names.find((name, j) =>
      name.text === "default" && names[j - 1]?.text === "as"
    );
    if (renamed !== undefined) lines.push(renamed.line);
  });
  return lines;
}

/**
 * The line of the first statement that is not `export { … } from "…"`, with
 * or without `type`; `null` where there is no other.
 */
export function firstLogic(tokens: readonly Token[]): number | null {
  let i = 0;
  while (i < tokens.length) {
    const start = tokens[i]!;
    let open = i + 1;
    if (tokens[open]?.text === "type") open += 1;
    if (start.text !== "export" || tokens[open]?.text !== "{") {
      return start.line;
    }
    const end = endOfList(tokens, open - 1);
    if (tokens[end]?.text !== "from" || tokens[end + 1]?.kind !== "string") {
      return start.line;
    }
    i = end + 2;
    if (tokens[i]?.text === ";") i += 1;
  }
  return null;
}

/** Whether the word is a member (`x.import`) or a name (`import: 1`). */
export function isProperty(tokens: readonly Token[], i: number): boolean {
  const [before, after] = [tokens[i - 1]?.text, tokens[i + 1]?.text];
  // A spread has three points, a member one.
  if (before === "." && tokens[i - 2]?.text !== ".") return true;
  if (after === ":") return before !== "?" && before !== "case";
  return after === "?" && tokens[i + 2]?.text === ":";
}

function afterImport(tokens: readonly Token[], i: number): Token | undefined {
  const next = tokens[i + 1];
  if (next?.kind === "string") return next;
  if (next?.text === "(") return stringAt(tokens, i + 2);
  if (next?.text === ".") return undefined; // import.meta
  // The names of an import are words, commas, braces and a star.
  let end = i + 1;
  while (/^[\w$*,{}]+$/.test(tokens[end]?.text ?? "")) {
    if (tokens[end]!.kind === "string") return undefined;
    const specifier = stringAt(tokens, end + 1);
    if (tokens[end]!.text === "from" && specifier) return specifier;
    end += 1;
  }
  return undefined;
}

function afterExport(tokens: readonly Token[], i: number): Token | undefined {
  let next = i + 1;
  if (tokens[next]?.text === "type") next += 1;
  let end = next;
  if (tokens[next]?.text === "{") end = endOfList(tokens, next - 1);
  else if (tokens[next]?.text === "*") {
    end = tokens[next + 1]?.text === "as" ? next + 3 : next + 1;
  } else return undefined;
  return tokens[end]?.text === "from" ? stringAt(tokens, end + 1) : undefined;
}

/** The place behind the closing brace of a list of names. */
function endOfList(tokens: readonly Token[], i: number): number {
  const length = tokens.slice(i).findIndex((token) => token.text === "}");
  return length === -1 ? tokens.length : i + length + 1;
}

function stringAt(tokens: readonly Token[], i: number): Token | undefined {
  return tokens[i]?.kind === "string" ? tokens[i] : undefined;
}
