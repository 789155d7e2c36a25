/**
 * Where releases of `node:sqlite` differ: found out by trying, once.
 *
 * @module
 */

import type { NodeDatabase } from "./node.ts";

let iterateLosesErrors: boolean | undefined;

/**
 * Whether an error only ends the rows of iterate(), as in Deno 2.9: a busy
 * database would read as an empty one. Then all rows are taken at once.
 */
export function losesErrors(database: NodeDatabase): boolean {
  if (iterateLosesErrors === undefined) {
    try {
      // Integer overflow.
      database.prepare("SELECT abs(-9223372036854775807 - 1)").iterate().next();
      iterateLosesErrors = true;
    } catch {
      iterateLosesErrors = false;
    }
  }
  return iterateLosesErrors;
}

let numberedByPosition: boolean | undefined;

/** Node 22 wants `?1` by name, Node 24 and Deno by position. */
export function takesNumbered(database: NodeDatabase): boolean {
  if (numberedByPosition === undefined) {
    try {
      database.prepare("SELECT ?1").get(1);
      numberedByPosition = true;
    } catch {
      numberedByPosition = false;
    }
  }
  return numberedByPosition;
}
