/**
 * Writes the library as one file to be copied: `deno task vendor DEST`.
 *
 * @module
 */

import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import {
  judge,
  type Judgement,
  readHeader,
  withHeader,
} from "../../src/cli/vendored.ts";
import { bundled, bundledShared, minified } from "./bundle.ts";
import { declarations } from "./declarations.ts";
import {
  CORE,
  entries,
  type Entry,
  entryNamed,
  ROOT,
  SHARED,
} from "./entries.ts";
import { manifest } from "./ship/manifest.ts";

const HELP = `Usage: deno task vendor DEST [entry …]
       deno task vendor --check FILE

Writes litelatch.mjs and litelatch.d.mts into the folder DEST: the core of the
library, with no import but what Bun, Deno and Node have built in. An entry
(inspect, legacy, etcd, migrate) comes as a file of its own beside it, which
imports it, and litelatch-shared.mjs, which all of them share.

With --check it says whether FILE is current, edited, older, newer, or another
build of the same version. Exit code: 0 if current, 1 if not, 2 if it cannot be
told.`;

/** Bun then runs the file as it is: 6 ms less where it has no cache of it. */
export const FOR_BUN = "// @bun\n";

/**
 * `using` needs types that the default library of ES2022 does not have, and
 * every runtime that we support has what they stand for.
 */
export const FOR_TYPES = '/// <reference lib="esnext.disposable" />\n';

/** The licence is a kilobyte: once is enough for files that go together. */
const BESIDE = `MIT License, whose text is in ${CORE.script} beside this file.`;

/** The command stays in the package. */
const VENDORED = entries().filter(({ name }) => name !== "./cli");

const made = new Map<string, Promise<string>>();

/**
 * The JavaScript file of an entry, with its header. The core is there to be
 * read; with readable files of the others the package would be above 118 kB.
 */
export function vendoredScript(entry: Entry): Promise<string> {
  return once(entry.script, () => {
    const types = `/* @ts-self-types="./${entry.types}" */\n`;
    const isCore = entry.name === CORE.name;
    const code = isCore ? bundled(entry) : minified(bundled(entry));
    return FOR_BUN + headed(types + code, isCore ? read("LICENSE") : BESIDE);
  });
}

/** What all entries but the core import too, with its header; it has no types. */
export function vendoredShared(): Promise<string> {
  return once(
    SHARED,
    () => FOR_BUN + headed(minified(bundledShared()), BESIDE),
  );
}

/** The declaration file of an entry, with its header. */
export function vendoredTypes(entry: Entry): Promise<string> {
  return once(
    entry.types,
    async () => {
      const types = headed(await declarations(entry), BESIDE);
      return entry.name === CORE.name ? FOR_TYPES + types : types;
    },
  );
}

/** Tests ask for the same file over and over. */
function once(
  name: string,
  make: () => string | Promise<string>,
): Promise<string> {
  let file = made.get(name);
  if (file === undefined) {
    file = (async () => await make())();
    made.set(name, file);
  }
  return file;
}

function headed(body: string, licence: string): string {
  return withHeader(body, manifest().version, licence);
}

function read(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

/**
 * Writes the core, and other entries with what they share, into a folder.
 *
 * @param names Of the other entries: `"inspect"`.
 * @returns The paths of the files.
 */
export async function vendor(
  folder: string,
  names: readonly string[] = [],
): Promise<string[]> {
  // Those that are there import the same file, of this version from now on.
  const there = VENDORED.filter(({ script }) =>
    names.length > 0 && existsSync(join(folder, script))
  );
  const asked = names.map((name) => entryNamed(name, VENDORED));
  const wanted = new Set([CORE, ...asked, ...there]);
  const files = new Map<string, () => Promise<string>>();
  for (const entry of wanted) {
    files.set(entry.script, () => vendoredScript(entry));
    files.set(entry.types, () => vendoredTypes(entry));
    if (entry.name !== CORE.name) files.set(SHARED, vendoredShared);
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, make] of files) {
    writeFileSync(join(folder, name), await make());
  }
  return [...files.keys()].map((name) => join(folder, name));
}

/** Compares a copy, of whatever file, with what would be written now. */
export async function checkCopy(
  file: string,
): Promise<{ judgement: Judgement; version: string | null }> {
  const copy = readFileSync(file, "utf8");
  const current = await currentOf(basename(file));
  return {
    judgement: judge(copy, current),
    version: readHeader(copy)?.version ?? null,
  };
}

/** A copy may have been renamed, and was `litelatch.js` once. */
function currentOf(name: string): Promise<string> {
  const stem = name.replace(/(\.d)?\.[cm]?[jt]s$/, "");
  if (SHARED === `${stem}.mjs`) return vendoredShared();
  const entry = entries().find(({ script }) => script === `${stem}.mjs`) ??
    CORE;
  return /\.d\.[cm]?ts$/.test(name)
    ? vendoredTypes(entry)
    : vendoredScript(entry);
}

async function main(args: readonly string[]): Promise<number> {
  const [first, ...others] = args;
  if (first === undefined || first === "--help" || first === "-h") {
    console.log(HELP);
    return first === undefined ? 2 : 0;
  }
  if (first.startsWith("-") && first !== "--check") {
    throw new Error(`Cannot vendor: unknown option "${first}"\n\n${HELP}`);
  }
  if (first !== "--check") {
    for (const path of await vendor(first, others)) {
      console.log(`${path}  ${Math.round(statSync(path).size / 1000)} kB`);
    }
    return 0;
  }
  const [file] = others;
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
