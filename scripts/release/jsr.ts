/**
 * Fills `jsr/` as it is published: `deno task jsr [FOLDER]`.
 *
 * JSR serves one file for each entry, as npm does: a hundred modules cost Deno
 * 15 ms to import where one costs 2.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { CORE, entries } from "./entries.ts";
import { fillFolder, packageFiles } from "./package.ts";
import { manifest } from "./ship/manifest.ts";
import { FOR_TYPES } from "./vendor.ts";

/** Where the package is built. */
export const JSR_FOLDER = "./jsr";

const HELP = `Usage: deno task jsr [--dry-run] [FOLDER]

Fills FOLDER (${JSR_FOLDER}) with the JSR package as it is published.

  --dry-run  only ask "deno publish" what it thinks of it; leaves nothing behind
  --help     print this`;

/** Every file of the JSR package, `deno.json` included. */
export async function jsrFiles(): Promise<Map<string, string>> {
  const { name, version, license } = manifest();
  const json = {
    name,
    version,
    license,
    exports: Object.fromEntries(
      entries().map((entry) => [entry.name, `./${entry.script}`]),
    ),
    // The folder itself is in .gitignore.
    publish: { exclude: ["!**"] },
  };
  const text = `${JSON.stringify(json, null, 2)}\n`;
  const files = new Map([["deno.json", text], ...await packageFiles(true)]);
  // JSR takes no such line, and Deno has those types.
  const types = files.get(CORE.types)?.replace(FOR_TYPES, "") ?? "";
  return files.set(CORE.types, types);
}

async function dryRun(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-jsr-"));
  try {
    fillFolder(folder, await jsrFiles());
    const args = ["publish", "--dry-run", "--allow-dirty"];
    const { status } = spawnSync(process.execPath, args, {
      cwd: folder,
      stdio: "inherit",
    });
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values, positionals: [folder = JSR_FOLDER] } = parseArgs({
    allowPositionals: true,
    options: {
      "dry-run": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values["dry-run"]) return await dryRun();
  const files = await jsrFiles();
  fillFolder(folder, files);
  console.log(`${folder}: ${files.size} files`);
  return 0;
}

if (import.meta.main) process.exitCode = await main();
