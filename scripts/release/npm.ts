/**
 * Fills `npm/` as it is published: `deno task npm [FOLDER]`. With `--compare`
 * it says what differs in a folder that is there, and writes nothing.
 *
 * @module
 */

import process from "node:process";
import { differences, fillFolder, packageFiles } from "./package.ts";
import { NPM_FOLDER, packageJson } from "./ship/npm.ts";

/**
 * Every file of the npm package, `package.json` included. Without the pages of
 * `docs/`: with them it would be larger than 120 kB.
 */
export async function npmFiles(): Promise<Map<string, string>> {
  const json = `${JSON.stringify(packageJson(), null, 2)}\n`;
  return new Map([["package.json", json], ...await packageFiles(false)]);
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const compare = words.includes("--compare");
  const folder = words.find((word) => word !== "--compare") ?? NPM_FOLDER;
  const files = await npmFiles();
  if (!compare) {
    fillFolder(folder, files);
    console.log(`${folder}: ${files.size} files`);
  } else {
    const found = differences(folder, files);
    for (const line of found) console.log(line);
    process.exitCode = found.length === 0 ? 0 : 1;
  }
}
