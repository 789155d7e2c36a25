/**
 * What `deno.json` says of the package.
 *
 * @module
 */

import { readFileSync } from "node:fs";

/** The part of `deno.json` that a release is made of. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Paths by entry: `"."`, `"./cli"`. */
  readonly exports: Readonly<Record<string, string>>;
}

/** Reads `deno.json`. */
export function manifest(): Manifest {
  const file = new URL("../../../deno.json", import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}

/** The source files behind the entries, such as `./mod.ts`. */
export function entryPoints(): string[] {
  return Object.values(manifest().exports);
}
