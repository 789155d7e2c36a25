/**
 * Which parameters a statement has, and which value belongs to each.
 *
 * The drivers disagree: for a misspelt name Bun binds NULL where Node throws,
 * `:name` takes a value by position only in Bun, and `?1` not in Node 22.
 */

import { legible } from "../printable.ts";
import type { Parameters } from "./contract.ts";

/** By index, from 0: `":name"` or `"?3"`; `null` for one without a name. */
type Names = readonly (string | null)[];

// Strings, quoted names, comments and words hold no parameter. The marks of
// one are those of sqlite3GetToken(), https://sqlite.org/src/file/src/tokenize.c.
const TOKEN =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[\w\u0080-\uffff][\w$\u0080-\uffff]*|\?\d*|[:@$](?:[\w$\u0080-\uffff]|::)+(?:\([^)\s]*\))?|;/g;

function parametersOf(sql: string): Names {
  const names: (string | null)[] = [];
  if (!/[?:@$]/.test(sql)) return names;
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ";") break;
    if (token[0] === "?") {
      // `?3` makes a parameter of each number below it.
      const number = Number(token.slice(1)) || names.length + 1;
      while (names.length < number) names.push(null);
      if (token !== "?") names[number - 1] = token;
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
 *
 * @param call What the driver calls a parameter, `null` if it wants that one by
 * position. Those that want names bind every number as a REAL, so that 5 would
 * read "5.0"; they get whole numbers as `bigint`.
 */
export function binder(
  sql: string,
  call?: (name: string) => string | null,
): (parameters: Parameters) => unknown[] {
  const names = parametersOf(sql);
  const called = names.map((name) => name && call ? call(name) : null);
  const byPosition = called.every((name) => name === null);
  return (parameters) => {
    if (parameters.length + names.length === 0) return parameters;
    const values: unknown[] = parameters.length === 1 && isPlain(parameters[0])
      ? placed(parameters[0], names)
      : parameters;
    if (values.length > names.length) {
      throw new TypeError(
        `Cannot bind the values: there must be at most ${names.length}, ` +
          `got ${values.length}`,
      );
    }
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      check(value, names[i] ?? i + 1);
      if (call && Number.isSafeInteger(value) && !Object.is(value, -0)) {
        values[i] = BigInt(value as number);
      }
    }
    while (values.length < names.length) values.push(null);
    // Bun binds all by position, and takes one array faster than many values.
    if (byPosition) return call ? values : [values];
    // Deno also takes for a name what others have put on Object.prototype.
    const named: Record<string, unknown> = Object.create(null);
    called.forEach((name, i) => {
      if (name !== null) named[name] = values[i];
    });
    return [named, ...values.filter((_, i) => called[i] === null)];
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
    const known = names.filter(Boolean).join(", ") || "none";
    throw new TypeError(legible(
      `Cannot bind "${word}": it must be the name of a parameter (${known})`,
    ));
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
 * `undefined`, booleans and dates are refused everywhere, because the drivers
 * disagree about what becomes of them.
 */
function check(value: unknown, where: string | number): void {
  const type = typeof value;
  if (value === null || type === "string" || type === "number") return;
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) === value) return;
    throw new RangeError(
      `Cannot bind parameter ${where}: ${value} does not fit in 64 bits`,
    );
  }
  const kind = Object.prototype.toString.call(value);
  if (kind === "[object Uint8Array]" && ArrayBuffer.isView(value)) return;
  const got = type === "object" ? kind : String(value);
  throw new TypeError(
    `Cannot bind parameter ${where}: it must be a string, number, bigint, ` +
      `Uint8Array or null, got ${got}`,
  );
}
