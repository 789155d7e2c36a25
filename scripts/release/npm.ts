/**
 * Fills `npm/` as it is published: `deno task npm [FOLDER]`.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { differences, fillFolder, packageFiles } from "./package.ts";
import { NPM_FOLDER, packageJson } from "./ship/npm.ts";

const HELP = `Usage: deno task npm [--compare] [FOLDER]

Fills FOLDER (${NPM_FOLDER}) with the npm package as it is published.

  --compare  only say what differs in the folder; exit code 1 if anything does
  --help     print this`;

/**
 * Every file of the npm package, `package.json` included. Without the pages of
 * `docs/`: with them it would be larger than 120 kB.
 */
export async function npmFiles(): Promise<Map<string, string>> {
  const json = `${JSON.stringify(packageJson(), null, 2)}\n`;
  return new Map([["package.json", json], ...await packageFiles(false)]);
}

/**
 * Makes the tarball with `npm pack` in a folder; its path.
 *
 * @throws {Error} When npm does not make it.
 */
export async function packed(folder: string): Promise<string> {
  const filled = mkdtempSync(join(folder, "package-"));
  fillFolder(filled, await npmFiles());
  const windows = process.platform === "win32";
  const { status, stderr } = spawnSync(
    windows ? "npm.cmd" : "npm",
    ["pack", "--silent", "--pack-destination", resolve(folder)],
    { cwd: filled, encoding: "utf8", shell: windows },
  );
  rmSync(filled, { recursive: true });
  const name = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (status === 0 && name !== undefined) return join(folder, name);
  throw new Error(`Cannot pack the npm package: ${stderr}`);
}

async function main(): Promise<number> {
  const { values, positionals: [folder = NPM_FOLDER] } = parseArgs({
    allowPositionals: true,
    options: {
      compare: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const files = await npmFiles();
  if (values.compare) {
    const found = differences(folder, files);
    for (const line of found) console.log(line);
    return found.length === 0 ? 0 : 1;
  }
  fillFolder(folder, files);
  console.log(`${folder}: ${files.size} files`);
  return 0;
}

if (import.meta.main) process.exitCode = await main();
