/**
 * Loads a built-in module when it is first needed. A static import would cost
 * every hook its start-up time, and would put `node:` in front of bundlers.
 *
 * @module
 */

import type fs from "node:fs";
import type path from "node:path";

/** `node:fs`, loaded on first use. */
export function fileSystem(): typeof fs {
  return process.getBuiltinModule("node:fs");
}

/** `node:path`, loaded on first use. */
export function paths(): typeof path {
  return process.getBuiltinModule("node:path");
}
