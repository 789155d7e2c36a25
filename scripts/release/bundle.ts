/**
 * Makes one JavaScript file of the library, as it is published: names and
 * lines readable, types gone.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { fetchTool } from "../runtimes/fetch.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

// Not `deno bundle`: it fetches the same program over its own connection,
// which does not know a company's certificate as npm does.
const BUNDLER = { name: "esbuild", version: "0.28.2" };

/**
 * Fetches the bundler where it is missing; its path.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function bundler(): string {
  return fetchTool(BUNDLER);
}

/**
 * The bundle as text.
 *
 * @throws {Error} When the bundler cannot be had, or refuses the sources.
 */
export function bundled(): string {
  const { status, stdout, stderr, error } = spawnSync(bundler(), [
    join(ROOT, "mod.ts"),
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--platform=neutral",
    "--charset=utf8",
    "--log-level=warning",
  ], { encoding: "utf8", cwd: ROOT });
  if (status !== 0) {
    throw new Error(`Cannot bundle mod.ts: ${error?.message ?? stderr}`);
  }
  return withoutDocs(stdout);
}

/**
 * The documentation of members is a tenth of the bundle, and the declarations
 * have it already. What esbuild leaves of other comments stays.
 */
function withoutDocs(code: string): string {
  return code.replaceAll(/^ *\/\*\*[^]*?\*\/\n/gm, "");
}

/** Writes the bundle. */
export function bundle(target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bundled());
}

if (import.meta.main) {
  const target = process.argv[2] ?? join(ROOT, "dist", "litelatch.js");
  bundle(target);
  console.log(target);
}
