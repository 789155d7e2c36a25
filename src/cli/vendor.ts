/**
 * `litelatch vendor`: the library as one file, to be copied.
 *
 * @module
 */

import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../driver/result_codes.ts";
import { create, remove } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import { lstat, stat } from "../os/stat.ts";
import { printable } from "../printable.ts";
import { ENTRIES, type Wishes } from "./arguments.ts";
import { Excuse } from "./cannot_look.ts";
import { jsonText } from "./safe_text.ts";
import type { Screen } from "./screen.ts";
import { judge, type Judgement, readHeader } from "./vendored.ts";

const ENDINGS = [".mjs", ".d.mts"];
/** What every entry but the core imports too; it has no types. */
const SHARED = "litelatch-shared.mjs";

const WORDS: Record<Judgement, string> = {
  current: "current",
  edited: "edited since it was written",
  older: "older than this litelatch",
  newer: "newer than this litelatch",
  other: "another build of the same version",
  strange: "no vendored file of litelatch",
};

/** Writes the files into a folder, or compares one with them. */
export async function vendor(
  { path, json, check, entries }: Wishes,
  screen: Screen,
  entry: string,
): Promise<number> {
  if (check) return await checkFile(path, json, screen, entry);
  // Those that are there import the same file, of this version from now on.
  const there = ENTRIES.filter((name) =>
    entries.length > 0 && lstat(join(path, `litelatch-${name}.mjs`)) !== null
  );
  const wanted = new Set([...entries, ...there]);
  const stems = [
    "litelatch",
    ...[...wanted].map((name) => `litelatch-${name}`),
  ];
  const names = stems.flatMap((stem) => ENDINGS.map((end) => stem + end));
  if (entries.length > 0) names.push(SHARED);
  const written: string[] = [];
  for (const name of new Set(names)) {
    const text = await shipped(name, entry);
    try {
      mkdirSync(path, { recursive: true });
      replace(join(path, name), text);
    } catch (error) {
      throw new Excuse(
        `Cannot write ${name} into "${path}": ${messageOf(error)}`,
      );
    }
    written.push(join(path, name));
  }
  if (json) screen.line(jsonText({ written }));
  else written.forEach((file) => screen.line(printable(file, 1000)));
  return 0;
}

/**
 * In one step, as a program may import it just now, and the disk may be full. A
 * link is not followed to a file elsewhere.
 */
function replace(path: string, text: string): void {
  const found = lstat(path);
  if (found !== null && found.kind !== "file") {
    throw new Excuse("what is there must be a file; move it away");
  }
  const draft = `${path}.${randomId()}.tmp`;
  create(draft, text, found);
  try {
    renameSync(draft, path);
  } catch (error) {
    remove(draft);
    throw error;
  }
}

async function checkFile(
  path: string,
  json: boolean,
  screen: Screen,
  entry: string,
): Promise<number> {
  let copy: string;
  try {
    // To read a FIFO or a device may never end.
    const { kind = "file" } = stat(path) ?? {};
    if (kind !== "file") throw new Error(`it is a ${kind}`);
    copy = readFileSync(path, "utf8");
  } catch (error) {
    throw new Excuse(
      `Cannot check "${path}": it must be a file that can be read ` +
        `(${messageOf(error)})`,
    );
  }
  const judgement = judge(copy, await shipped(originalOf(path), entry));
  const version = readHeader(copy)?.version ?? null;
  if (json) screen.line(jsonText({ judgement, version }));
  else {
    const from = version === null ? "" : ` (${version})`;
    screen.line(`${printable(`${path}${from}`, 1000)}: ${WORDS[judgement]}`);
  }
  return judgement === "current" ? 0 : 1;
}

/** A copy may have another name, such as litelatch.js or litelatch.d.ts. */
function originalOf(path: string): string {
  const [, stem = ""] = /([^/\\]*?)(?:\.d)?\.[cm]?[jt]s$/.exec(path) ?? [];
  if (SHARED === `${stem}.mjs`) return SHARED;
  const known = ENTRIES.find((name) => stem === `litelatch-${name}`);
  const end = /\.d\.[cm]?ts$/.test(path) ? ENDINGS[1] : ENDINGS[0];
  return `litelatch${known === undefined ? "" : `-${known}`}${end}`;
}

/** The text of a file that lies beside the command in the package. */
async function shipped(name: string, entry: string): Promise<string> {
  const url = new URL(name, entry);
  try {
    if (url.protocol === "file:") {
      return readFileSync(fileURLToPath(url), "utf8");
    }
    const answer = await fetch(url);
    if (answer.ok) return await answer.text();
  } catch {
    // Not there; or Deno may not read it, and says so below.
  }
  throw new Excuse(
    `Cannot find ${name}: it must come with the package; in a clone use ` +
      "`deno task vendor`, and Deno needs --allow-read or --allow-net",
  );
}
