/**
 * What is published, the same on npm and JSR but for the manifest: a file and
 * its declarations for each entry, and the pages.
 *
 * @module
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";
import { bundled, minified } from "./bundle.ts";
import { faceDoc } from "./declarations.ts";
import { COMMANDS, entries, type Entry, ROOT, SHARED } from "./entries.ts";
import { manifest } from "./ship/manifest.ts";
import { HOME } from "./ship/npm.ts";
import {
  FOR_BUN,
  vendoredScript,
  vendoredShared,
  vendoredTypes,
} from "./vendor.ts";

/**
 * The text of every file but the manifest, by path.
 *
 * @param docs Whether the pages of `docs/` come along. Links to what does not
 * come lead to the repository.
 */
export async function packageFiles(
  docs: boolean,
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of entries()) {
    const isCommand = entry.name === "./cli";
    files.set(
      entry.script,
      isCommand ? command(entry) : await vendoredScript(entry),
    );
    files.set(
      entry.types,
      isCommand ? `${faceDoc(entry)}export {};\n` : await vendoredTypes(entry),
    );
  }
  files.set(COMMANDS.script, FOR_BUN + minified(bundled(COMMANDS)));
  files.set(SHARED, await vendoredShared());
  const pages = ["README.md", "CHANGELOG.md"];
  if (docs) {
    for (const name of readdirSync(join(ROOT, "docs"))) {
      if (name.endsWith(".md")) pages.push(`docs/${name}`);
    }
  }
  for (const page of pages) files.set(page, withWholeLinks(page, pages));
  files.set("LICENSE", read("LICENSE"));
  return files;
}

/**
 * Empties a folder and writes the files of a package into it.
 *
 * @throws {Error} Where the folder holds anything that is not of the package:
 * `deno task npm .` would delete the sources.
 */
export function fillFolder(
  folder: string,
  files: ReadonlyMap<string, string>,
): void {
  const ours = new Set([...files.keys()].map((name) => name.split("/")[0]));
  const other = existsSync(folder)
    ? readdirSync(folder).find((name) => !ours.has(name))
    : undefined;
  if (other !== undefined) {
    throw new Error(
      `Cannot fill "${folder}": it holds "${other}", which is not of the ` +
        "package; delete the folder yourself, or name another one",
    );
  }
  rmSync(folder, { recursive: true, force: true });
  for (const [name, text] of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    if (text.startsWith("#!")) chmodSync(path, 0o755);
  }
}

/** What differs between a folder and what would be written into it. */
export function differences(
  folder: string,
  files: ReadonlyMap<string, string>,
): string[] {
  const here = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name).slice(join(folder, "/").length)
        .replaceAll("\\", "/")
    );
  const more = here.filter((name) => !files.has(name));
  const others = [...files].flatMap(([name, text]) => {
    const path = join(folder, name);
    if (!existsSync(path)) return [`missing: ${name}`];
    return readFileSync(path, "utf8") === text ? [] : [`differs: ${name}`];
  });
  return [...more.sort().map((name) => `more: ${name}`), ...others];
}

/** Nobody vendors the command: by its size alone it would be a fifth of it all. */
function command(entry: Entry): string {
  const types = `/* @ts-self-types="./${entry.types}" */`;
  return `#!/usr/bin/env node\n${FOR_BUN}${types}\n${minified(bundled(entry))}`;
}

function withWholeLinks(page: string, pages: readonly string[]): string {
  const base = `${HOME}/blob/v${manifest().version}`;
  return read(page).replaceAll(
    /\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)/g,
    (link, path: string, heading = "") => {
      const target = posix.join(posix.dirname(page), path);
      return pages.includes(target) || target === "LICENSE"
        ? link
        : `](${base}/${target}${heading})`;
    },
  );
}

function read(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}
