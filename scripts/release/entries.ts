/**
 * The entries, and the file of each as it is published and vendored.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { manifest } from "./ship/manifest.ts";

/** The folder of `deno.json`. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What is imported as one module. */
export interface Entry {
  /** As in `exports`: `"."`, `"./etcd"`. */
  readonly name: string;
  /** From the root: `mod.ts`, `src/etcd/mod.ts`. */
  readonly source: string;
  /** `litelatch.mjs`, `litelatch-etcd.mjs`. */
  readonly script: string;
  /** `litelatch.d.mts`, `litelatch-etcd.d.mts`. */
  readonly types: string;
}

/** All entries of `deno.json`, the core first. */
export function entries(): Entry[] {
  return Object.entries(manifest().exports).map(([name, path]) => {
    const stem = name === "." ? "litelatch" : `litelatch-${name.slice(2)}`;
    return {
      name,
      source: path.slice(2),
      // Node takes it for a module whatever package.json says.
      script: `${stem}.mjs`,
      types: `${stem}.d.mts`,
    };
  });
}

/**
 * One entry by its name, with or without the `./`.
 *
 * @param among Those that may be asked for.
 * @throws {Error} On an unknown one, naming those that there are.
 */
export function entryNamed(
  name: string,
  among: readonly Entry[] = entries(),
): Entry {
  const found = among.find((entry) =>
    entry.name === name || entry.name === `./${name}`
  );
  if (found !== undefined) return found;
  const names = among.map((entry) => entry.name.replace("./", ""));
  throw new Error(
    `Cannot find the entry: it must be one of ${names.join(", ")}, ` +
      `got "${name}"`,
  );
}

/** The core: what is vendored. */
export const CORE: Entry = entryNamed(".");

/** What becomes one JavaScript file. */
export type Part = Pick<Entry, "name" | "source" | "script">;

/**
 * What the command does: a file of its own, which `./cli` imports only to do
 * it, so that `--version` and `--help` wait for nothing.
 */
export const COMMANDS: Part = {
  name: "./cli",
  source: "src/cli/commands.ts",
  script: "litelatch-commands.mjs",
};

/** What the other entries import of sources outside of their rooms. */
export const SHARED = "litelatch-shared.mjs";

/** The source files whose every export the core has on its face. */
export const FACES = ["mod.ts", "src/errors.ts", "src/open.ts"];

/**
 * The source files that an entry does not hold: it imports what they export
 * from the file of another. So there is one class of each error, whatever is
 * loaded, and of all others no code twice.
 *
 * @param what Of declarations, all types of `src/options.ts` are shared too.
 */
export function sharedBy(
  entry: Part,
  what: "script" | "types",
): Map<string, string> {
  const shared = new Map<string, string>();
  if (entry.name === ".") return shared;
  // It says what the command is without any other file.
  const runsAlone = entry.script === "litelatch-cli.mjs";
  if (what === "script" && !runsAlone) {
    for (const source of common()) shared.set(source, `./${SHARED}`);
  }
  const ofCore = what === "types" ? [...FACES, "src/options.ts"] : FACES;
  for (const source of ofCore) shared.set(source, `./${CORE.script}`);
  for (const other of entries()) {
    if (other.name === "." || other.name === entry.name) continue;
    shared.set(other.source, `./${other.script}`);
  }
  if (runsAlone) shared.set(COMMANDS.source, `./${COMMANDS.script}`);
  return shared;
}

/** All source files but those in the room of one entry. */
function common(): string[] {
  const rooms = entries().filter(({ name }) => name !== CORE.name)
    .map(({ source }) => `${dirname(source)}/`);
  return readdirSync(join(ROOT, "src"), { recursive: true })
    .map((name) => `src/${String(name).replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts"))
    .filter((path) => !rooms.some((room) => path.startsWith(room)));
}
