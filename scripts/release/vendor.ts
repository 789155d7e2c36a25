/**
 * Writes the library as one file to be copied: `deno task vendor DEST`.
 *
 * @module
 */

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  judge,
  type Judgement,
  readHeader,
  withHeader,
} from "../../src/cli/vendored.ts";
import { bundled } from "./bundle.ts";
import { declarations } from "./vendor/declarations.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const HELP = `Usage: deno task vendor DEST
       deno task vendor --check FILE

Writes litelatch.js and litelatch.d.ts into the folder DEST: the whole library,
with no import but what Bun, Deno and Node have built in.

With --check it says whether FILE is current, edited, older, newer, or another
build of the same version. Exit code: 0 if current, 1 if not, 2 if it cannot be
told.`;

let made: Promise<Record<string, string>> | undefined;

/** The two files, by name. */
export function vendoredFiles(): Promise<Record<string, string>> {
  made ??= makeFiles();
  return made;
}

async function makeFiles(): Promise<Record<string, string>> {
  const licence = readFileSync(join(ROOT, "LICENSE"), "utf8");
  const config = readFileSync(join(ROOT, "deno.json"), "utf8");
  const { version } = JSON.parse(config) as { version: string };
  const types = '/* @ts-self-types="./litelatch.d.ts" */\n';
  return {
    "litelatch.js": withHeader(types + bundled(), version, licence),
    "litelatch.d.ts": withHeader(await declarations(), version, licence),
  };
}

/** Writes both into a folder; their paths. */
export async function vendor(folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const files = Object.entries(await vendoredFiles());
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return files.map(([name]) => join(folder, name));
}

/** Compares a copy, of either file, with what would be written now. */
export async function checkCopy(
  file: string,
): Promise<{ judgement: Judgement; version: string | null }> {
  const files = await vendoredFiles();
  const copy = readFileSync(file, "utf8");
  const name = file.endsWith(".d.ts") ? "litelatch.d.ts" : "litelatch.js";
  return {
    judgement: judge(copy, files[name] ?? ""),
    version: readHeader(copy)?.version ?? null,
  };
}

async function main(args: readonly string[]): Promise<number> {
  const [first, file] = args;
  if (first === undefined || first === "--help" || first === "-h") {
    console.log(HELP);
    return first === undefined ? 2 : 0;
  }
  if (first !== "--check") {
    for (const path of await vendor(first)) {
      console.log(`${path}  ${Math.round(statSync(path).size / 1000)} kB`);
    }
    return 0;
  }
  if (file === undefined) throw new Error("Cannot check: FILE must be given");
  const { judgement, version } = await checkCopy(file);
  console.log(`${file}: ${judgement} (${version ?? "unknown version"})`);
  return judgement === "current" ? 0 : judgement === "strange" ? 2 : 1;
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
