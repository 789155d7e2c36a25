/**
 * Keys of etcd, as its JSON gateway reads and writes them.
 *
 * @module
 */

import { malformed } from "./etcd_errors.ts";
import { type Json, listOf, objectOf, positive } from "./json_shapes.ts";

/** A key that was found. */
export interface Key {
  key: string;
  value: string;
  created: number;
}

/** The keys of an answer. */
export function keysOf({ kvs }: Json): Key[] {
  const list = listOf(kvs);
  if (list === null) throw malformed("its keys are no list");
  return list.map((kv) => ({
    key: decode(kv["key"]),
    value: kv["value"] === undefined ? "" : decode(kv["value"]),
    created: safe(kv["create_revision"]),
  }));
}

/** The revision that an answer tells of. */
export function revisionOf({ header }: Json): number {
  return safe(objectOf(header)?.["revision"]);
}

/**
 * A revision as a number. It counts the writes, so what is above 2^53 was never
 * reached by any.
 */
function safe(revision: unknown): number {
  const number = Number(positive(revision) ?? NaN);
  if (Number.isSafeInteger(number)) return number;
  throw malformed("one of its revisions is no number above 0");
}

/** All keys with a prefix, which ends in a slash: "0" is what follows it. */
export function range(prefix: string): Json {
  const end = `${prefix.slice(0, -1)}0`;
  return { key: encode(prefix), range_end: encode(end) };
}

/** In base64. */
export function encode(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function decode(base64: unknown): string {
  try {
    if (typeof base64 !== "string") throw new TypeError("no text");
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  } catch {
    throw malformed("one of its keys is not in base64");
  }
}
