/**
 * Which parameters a statement has, so that values find them the same way on
 * every runtime.
 *
 * The drivers disagree: for a misspelt name Bun binds NULL where Node throws,
 * `:name` takes a value by position only in Bun, and `?1` not in Node 22.
 *
 * @module
 */

import type { Parameters, Value } from "./contract.ts";
import { isBytes } from "./values.ts";

/** By index, from 0: `":name"` or `"?3"`; `null` for one without a name. */
export type ParameterNames = readonly (string | null)[];

// Strings, quoted names, comments and words hold no parameter. The marks of
// one are those of sqlite3GetToken(), https://sqlite.org/src/file/src/tokenize.c.
const TOKEN = new RegExp(
  [
    /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)/,
    /[A-Za-z_0-9\u0080-\uffff][\w$\u0080-\uffff]*/,
    /\?\d*|[:@$](?:[\w$\u0080-\uffff]|::)+(?:\([^)\s]*\))?|;/,
  ].map((part) => part.source).join("|"),
  "g",
);

/** Lists the parameters of the first statement in `sql`. */
export function parametersOf(sql: string): ParameterNames {
  const names: (string | null)[] = [];
  if (!/[?:@$]/.test(sql)) return names;
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ";") break;
    if (!/^[?:@$]/.test(token)) continue;
    if (token === "?") names.push(null);
    else if (token[0] === "?") {
      // `?3` makes a parameter of each number below it.
      const index = Number(token.slice(1)) - 1;
      while (names.length <= index) names.push(null);
      names[index] = token;
    } else if (!names.includes(token)) names.push(token);
  }
  return names;
}

/**
 * Puts values where the statement has its parameters; NULL where none is
 * given.
 *
 * @throws {TypeError} If a value belongs to no parameter.
 */
export function arrange(
  parameters: Parameters,
  names: ParameterNames,
): Value[] {
  const [first] = parameters;
  if (typeof first !== "object" || first === null || isBytes(first)) {
    const values = parameters as Value[];
    if (values.length > names.length) tooMany(values.length, names.length);
    while (values.length < names.length) values.push(null);
    return values;
  }
  const values: Value[] = names.map(() => null);
  for (const [given, value] of Object.entries(first)) {
    let found = false;
    names.forEach((name, i) => {
      if (name !== given && name?.slice(1) !== given) return;
      values[i] = value;
      found = true;
    });
    if (!found) unknown(given, names);
  }
  return values;
}

/**
 * The same values for a driver that wants names: one object for all that have
 * one, then the rest by position.
 *
 * @param call What the driver calls a name; `null` if it wants that one by
 * position.
 */
export function byName(
  values: Value[],
  names: ParameterNames,
  call: (name: string) => string | null,
): Parameters {
  const named: Record<string, Value> = {};
  const rest: Value[] = [];
  values.forEach((value, i) => {
    const name = names[i] ?? null;
    const called = name === null ? null : call(name);
    if (called === null) rest.push(value);
    else named[called] = value;
  });
  // Value[] would say that no object comes first.
  return [named, ...rest] as unknown as Parameters;
}

function tooMany(given: number, most: number): never {
  throw new TypeError(
    `Cannot bind the values: there must be at most ${most}, one for each ` +
      `parameter of the statement, got ${given}`,
  );
}

function unknown(given: string, names: ParameterNames): never {
  const known = names.filter((name) => name !== null).join(", ") || "none";
  throw new TypeError(
    `Cannot bind "${given}": it must be the name of a parameter of the ` +
      `statement (${known})`,
  );
}
