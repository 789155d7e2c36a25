/**
 * Which parameters a statement has, and which value belongs to each.
 *
 * The drivers disagree: for a misspelt name Bun binds NULL where Node throws,
 * `:name` takes a value by position only in Bun, and `?1` not in Node 22.
 *
 * @module
 */

import type { Parameters, Value } from "./contract.ts";

/** How a driver takes its values. */
export interface Taking {
  /** What it calls a parameter; `null` if it wants that one by position. */
  call?(name: string): string | null;
  /** Whether it binds every number as a REAL, so that 5 would read "5.0". */
  numbersAreReal?: boolean;
}

/** By index, from 0: `":name"` or `"?3"`; `null` for one without a name. */
type Names = readonly (string | null)[];

// Strings, quoted names, comments and words hold no parameter. The marks of
// one are those of sqlite3GetToken(), https://sqlite.org/src/file/src/tokenize.c.
const TOKEN =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[A-Za-z_0-9\u0080-\uffff][\w$\u0080-\uffff]*|\?\d*|[:@$](?:[\w$\u0080-\uffff]|::)+(?:\([^)\s]*\))?|;/g;

function parametersOf(sql: string): Names {
  const names: (string | null)[] = [];
  if (!/[?:@$]/.test(sql)) return names;
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ";") break;
    if (token === "?") names.push(null);
    else if (token[0] === "?") {
      // `?3` makes a parameter of each number below it.
      const index = Number(token.slice(1)) - 1;
      while (names.length <= index) names.push(null);
      names[index] = token;
    } else if (/^[:@$]/.test(token) && !names.includes(token)) {
      names.push(token);
    }
  }
  return names;
}

/**
 * Makes the function that puts values where the first statement of `sql` has
 * its parameters, NULL where none is given. It throws a `TypeError` if one
 * belongs to no parameter, or is of a type that SQLite does not have.
 */
export function binder(
  sql: string,
  { call, numbersAreReal = false }: Taking,
): (parameters: Parameters) => unknown[] {
  const names = parametersOf(sql);
  const byPosition = call === undefined || names.every((name) => name === null);
  return (parameters) => {
    const [first] = parameters;
    const values: unknown[] = parameters.length === 1 && isPlain(first)
      ? placed(first, names)
      : parameters;
    if (values.length > names.length) {
      throw new TypeError(
        `Cannot bind the values: there must be at most ${names.length}, one ` +
          `for each parameter of the statement, got ${values.length}`,
      );
    }
    for (let i = 0; i < values.length; i++) {
      values[i] = bindable(values[i], names[i] ?? i + 1, numbersAreReal);
    }
    while (values.length < names.length) values.push(null);
    if (byPosition) return values;
    const named: Record<string, unknown> = {};
    const rest = values.filter((value, i) => {
      const called = names[i] ? call(names[i]) : null;
      if (called !== null) named[called] = value;
      return called === null;
    });
    return [named, ...rest];
  };
}

function placed(given: Record<string, unknown>, names: Names): unknown[] {
  const values: unknown[] = names.map(() => null);
  for (const word of Object.keys(given)) {
    const places = names.flatMap((name, i) =>
      name === word || name?.slice(1) === word ? i : []
    );
    for (const place of places) values[place] = given[word];
    if (places.length > 0) continue;
    const known = names.filter((name) => name !== null).join(", ") || "none";
    throw new TypeError(
      `Cannot bind "${word}": it must be the name of a parameter of the ` +
        `statement (${known})`,
    );
  }
  return values;
}

/** Not by `instanceof`: in Jest and vm contexts it is of another realm. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * A value on its way in. `undefined`, booleans and dates are refused
 * everywhere, because the drivers disagree about what becomes of them.
 */
function bindable(
  value: unknown,
  where: string | number,
  integers: boolean,
): Value {
  if (value === null || typeof value === "string") return value;
  if (typeof value === "number") {
    return integers && Number.isSafeInteger(value) && !Object.is(value, -0)
      ? BigInt(value)
      : value;
  }
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) === value) return value;
    throw new RangeError(
      `Cannot bind parameter ${where}: ${value} does not fit in 64 bits`,
    );
  }
  const kind = Object.prototype.toString.call(value);
  if (kind === "[object Uint8Array]" && ArrayBuffer.isView(value)) {
    return value as Uint8Array;
  }
  const got = typeof value === "object" ? kind : String(value);
  throw new TypeError(
    `Cannot bind parameter ${where}: it must be a string, number, bigint, ` +
      `Uint8Array or null, got ${got}`,
  );
}
