/**
 * The same values in and out of every driver.
 *
 * @module
 */

import type { Parameters, Row, Value } from "./contract.ts";

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;

/**
 * Checks values on their way in. `undefined`, booleans and dates are refused
 * everywhere, because the drivers disagree about what becomes of them.
 *
 * @param integers Whether whole numbers become `bigint`: node:sqlite and
 * better-sqlite3 bind every number as a REAL, so that 5 would read "5.0".
 */
export function bindable(
  parameters: Parameters,
  integers: boolean,
): Parameters {
  for (let i = 0; i < parameters.length; i++) {
    const value = parameters[i];
    if (typeof value === "string" || value === null) continue;
    if (typeof value === "object" && !isBytes(value)) {
      if (parameters.length > 1 || !isNamed(value)) refuse(value, `${i + 1}`);
      const named: Record<string, Value> = {};
      for (const [name, inner] of Object.entries(value)) {
        named[name] = bound(inner, name, integers);
      }
      return [named];
    }
    parameters[i] = bound(value, i, integers) as never;
  }
  return parameters;
}

function bound(
  value: unknown,
  where: string | number,
  integers: boolean,
): Value {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return integers && Number.isSafeInteger(value) && !Object.is(value, -0)
        ? BigInt(value)
        : value;
    case "bigint":
      if (value < LEAST || value > MOST) {
        throw new RangeError(
          `Cannot bind parameter ${
            name(where)
          }: ${value} does not fit in 64 bits`,
        );
      }
      return value;
    case "object":
      if (value === null || isBytes(value)) return value;
  }
  return refuse(value, name(where));
}

function name(where: string | number): string {
  return typeof where === "number" ? String(where + 1) : `"${where}"`;
}

function refuse(value: unknown, where: string): never {
  const got = value === null || typeof value !== "object"
    ? String(value)
    : Object.prototype.toString.call(value);
  throw new TypeError(
    `Cannot bind parameter ${where}: it must be a string, number, bigint, ` +
      `Uint8Array or null, got ${got}`,
  );
}

/** Also of another realm, such as a vm context. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) &&
    Object.prototype.toString.call(value) === "[object Uint8Array]";
}

function isNamed(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Whether a number may be a rounded 64-bit integer. */
export function isDoubtful(value: unknown): boolean {
  return typeof value === "number" &&
    (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER);
}

/** A `bigint` as a number, where that loses nothing. */
export function narrow(value: Value): Value {
  return typeof value === "bigint" && value >= Number.MIN_SAFE_INTEGER &&
      value <= Number.MAX_SAFE_INTEGER
    ? Number(value)
    : value;
}

/** The first value of a row, however its owner has set the driver. */
export function firstValue(row: unknown): Value {
  for (const name in row as Row | null | undefined) {
    return narrow((row as Row)[name] ?? null);
  }
  return null;
}

/** A file that nobody can change: https://sqlite.org/uri.html#uriimmutable. */
export function immutableUri(path: string): string {
  return `file:${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}` +
    "?immutable=1";
}
