/**
 * Which test files there are.
 *
 * @module
 */

import { readdirSync } from "node:fs";

/** In whatever folder of `tests/`; a filter looks at the whole path. */
export function testFiles(filters: readonly string[]): string[] {
  return readdirSync("tests", { recursive: true, encoding: "utf8" })
    .map((name) => `tests/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith("_test.ts"))
    .filter((path) => filters.length === 0 || hasAny(path, filters))
    .sort();
}

function hasAny(path: string, filters: readonly string[]): boolean {
  return filters.some((filter) => path.includes(filter));
}
