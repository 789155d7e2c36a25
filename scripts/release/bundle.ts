/**
 * Makes one JavaScript file of an entry, as it is published: names and lines
 * readable, types gone.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { tokenize } from "../checks/floors/tokens.ts";
import { fetchTool } from "../runtimes/fetch.ts";
import {
  COMMANDS,
  CORE,
  entries,
  FACES,
  type Part,
  ROOT,
  SHARED,
  sharedBy,
} from "./entries.ts";

// Not `deno bundle`: it fetches the same program over its own connection,
// which does not know a company's certificate as npm does.
export const BUNDLER = { name: "esbuild", version: "0.28.2" };

/**
 * Fetches the bundler where it is missing; its path.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function bundler(): string {
  return fetchTool(BUNDLER);
}

/**
 * The bundle as text. That of another entry than the core imports the core's,
 * and `SHARED`.
 *
 * It is ASCII: for one other character V8 keeps all of them at two bytes each,
 * which costs Node 0.4 ms at import, and Deno 0.2.
 *
 * @throws {Error} When the bundler cannot be had, or refuses the sources.
 */
export function bundled(entry: Part): string {
  return bundle(asModule(entry), sharedBy(entry, "script"));
}

/** An import as the bundler writes it, of a source file that stays outside. */
const IMPORT = /^(?:im|ex)port \{([^}]*)\} from "\.\/([^"]+)";$/gm;

/** The bundle of what any entry imports from `SHARED`, and of no more. */
export function bundledShared(): string {
  const lines = new Set<string>();
  for (const entry of [...entries(), COMMANDS]) {
    const shared = sharedBy(entry, "script");
    const code = esbuild(asModule(entry), [...shared.keys()]);
    for (const [, names = "", source = ""] of code.matchAll(IMPORT)) {
      if (shared.get(source) !== `./${SHARED}`) continue;
      for (const words of names.split(",")) {
        const [name] = words.trim().split(" as ");
        lines.add(`export { ${name} } from "./${source}";`);
      }
    }
  }
  const faces = FACES.map((face) => [face, `./${CORE.script}`] as const);
  return bundle([...lines].sort().join("\n"), new Map(faces));
}

function asModule(entry: Part): string {
  return `export * from "./${entry.source}";`;
}

/** What a module in the root becomes, with the files that it is to import. */
function bundle(module: string, shared: ReadonlyMap<string, string>): string {
  let code = withTabs(withoutDocs(esbuild(module, [...shared.keys()])));
  for (const [source, script] of shared) {
    // import … from "x", import "x" and await import("x").
    for (const before of ["from ", "import ", "import("]) {
      code = code.replaceAll(`${before}"./${source}"`, `${before}"${script}"`);
    }
  }
  return code;
}

function esbuild(module: string, outside: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(bundler(), [
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--platform=neutral",
    "--log-level=warning",
    "--external:node:*",
    ...outside.map((source) => `--external:./${source}`),
  ], { encoding: "utf8", cwd: ROOT, input: module });
  if (status === 0) return stdout;
  throw new Error(`Cannot bundle ${module}: ${error?.message ?? stderr}`);
}

/**
 * The documentation of members is a tenth of the bundle, and the declarations
 * have it already. What esbuild leaves of other comments stays.
 */
function withoutDocs(code: string): string {
  return code.replaceAll(/^ *\/\*\*[^]*?\*\/\n/gm, "");
}

/** Indents by tabs, which saves a twentieth, but not inside of strings. */
function withTabs(code: string): string {
  const inside = new Set<number>();
  for (const { kind, text, line } of tokenize(code)) {
    if (kind !== "string") continue;
    for (let i = text.split("\n").length - 1; i > 0; i--) inside.add(line + i);
  }
  return code.split("\n").map((text, i) =>
    inside.has(i + 1)
      ? text
      : text.replace(/^(?: {2})+/, (blank) => "\t".repeat(blank.length / 2))
  ).join("\n");
}

/** The same code, to be run and not to be read. */
export function minified(code: string): string {
  const { status, stdout, stderr, error } = spawnSync(
    bundler(),
    ["--minify", "--format=esm", "--log-level=warning"],
    { encoding: "utf8", input: code },
  );
  if (status === 0) return stdout;
  throw new Error(`Cannot minify: ${error?.message ?? stderr}`);
}
