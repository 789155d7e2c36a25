/**
 * Looks at the shape of what was answered, before any of it is believed: a
 * proxy, a wrong port or somebody hostile may be at the other end.
 *
 * @module
 */

import { attempt } from "../os/builtin.ts";

/** A JSON object. etcd leaves out what is 0, false or empty. */
export type Json = { [key: string]: unknown };

/** The object that a text is; `null` if it is none. */
export function parseObject(text: string): Json | null {
  // No JSON, or nested more deeply than the runtime reads.
  return attempt(() => objectOf(JSON.parse(text)), null);
}

/** An object; `null` for anything else, a list too. */
export function objectOf(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Json
    : null;
}

/** The objects of a list, which etcd leaves out when it is empty. */
export function listOf(value: unknown): Json[] | null {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return null;
  const objects = value.map(objectOf);
  return objects.every((object) => object !== null) ? objects : null;
}

const MOST_INT64 = 2n ** 63n - 1n;

/**
 * A number of 64 bits above 0, as the gateway writes it: decimal, in quotes.
 * `null` for anything else, such as a path that would end up in a key.
 */
export function positive(value: unknown): string | null {
  return typeof value === "string" && /^[1-9]\d{0,18}$/.test(value) &&
      BigInt(value) <= MOST_INT64
    ? value
    : null;
}
