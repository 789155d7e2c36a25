/**
 * Asks a binary what it is. The binary's own word is the only proof: a file
 * can be half fetched, built for another machine, or a wrapper.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** A binary that answered. */
export interface Found {
  readonly version: string;
  /** What the runtime itself calls its path, so never a wrapper script. */
  readonly path: string;
}

/** Ten seconds are plenty even for a cold disk; a hung wrapper is not ours. */
const PATIENCE = 10_000;

const QUESTION = "const v = process.versions;" +
  "console.log(JSON.stringify({ version: v.deno ?? v.bun ?? v.node," +
  " path: process.execPath }))";

/** Runs the binary; `null` when it does not run or gives no sensible answer. */
export function probe(binary: string, program: string): Found | null {
  const args = program === "deno" ? ["eval", QUESTION] : ["-e", QUESTION];
  const { status, stdout } = spawnSync(binary, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: PATIENCE,
  });
  if (status !== 0) return null;
  try {
    const answer: unknown = JSON.parse(stdout);
    return isFound(answer) ? answer : null;
  } catch {
    return null; // a wrapper that talks on stdout
  }
}

/** Looks along `PATH` for a program that suits. */
export function findInstalled(
  program: string,
  fits: (found: Found) => boolean,
): Found | null {
  const file = process.platform === "win32" ? `${program}.exe` : program;
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    // npx puts folders of its own in front; a relative one is not trusted.
    const binary = join(folder, file);
    if (folder === "" || !isExecutable(binary)) continue;
    const found = probe(binary, program);
    if (found !== null && fits(found)) return found;
  }
  return null;
}

/** Compares `1.2.3` with `1.2.3`; what follows a hyphen is left out. */
export function isAtLeast(version: string, least: string): boolean {
  const [have, need] = [numbers(version), numbers(least)];
  for (let i = 0; i < need.length; i++) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version: string): number[] {
  return version.split("-", 1)[0]!.split(".").map(Number);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isFound(value: unknown): value is Found {
  return typeof value === "object" && value !== null &&
    "version" in value && typeof value.version === "string" &&
    "path" in value && typeof value.path === "string";
}
