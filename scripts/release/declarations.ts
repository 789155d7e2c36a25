/**
 * Makes one declaration file of an entry's types.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fetchPackages } from "../runtimes/packages.ts";
import { type Entry, ROOT, sharedBy } from "./entries.ts";

const TOOLS = {
  "rollup": "4.68.7",
  "rollup-plugin-dts": "6.5.1",
  "typescript": "5.9.3",
};

/** The part of rollup that is used here. */
interface Rollup {
  rollup(options: object): Promise<{
    generate(options: object): Promise<{ output: { code: string }[] }>;
    close(): Promise<void>;
  }>;
}

/**
 * Fetches the tools where they are missing; the folder of `node_modules`.
 *
 * @throws {Error} When npm cannot bring them.
 */
export function declarationTools(): string {
  return fetchPackages("declarations", TOOLS);
}

/**
 * The types of everything that an entry exports, with their documentation.
 * Those of the core import nothing, those of others what the core has.
 *
 * @throws {Error} When npm cannot bring the tools.
 */
export async function declarations(entry: Entry): Promise<string> {
  const shared = sharedBy(entry, "types");
  const outside = (source: string) => join(ROOT, source);
  const folder = declarationTools();
  const load = createRequire(join(folder, "load.cjs"));
  const { rollup } = load("rollup") as Rollup;
  const { dts } = load("rollup-plugin-dts") as { dts(o: object): object };
  const { ScriptTarget, ModuleKind, ModuleResolutionKind } = load(
    "typescript",
  ) as Record<string, Record<string, number>>;
  const build = await rollup({
    input: outside(entry.source),
    external: [...shared.keys()].map(outside),
    plugins: [dts({
      compilerOptions: {
        allowImportingTsExtensions: true,
        lib: ["lib.esnext.d.ts"],
        module: ModuleKind?.["ESNext"],
        moduleResolution: ModuleResolutionKind?.["Bundler"],
        strict: true,
        target: ScriptTarget?.["ESNext"],
        types: [],
      },
    })],
    // The types of built-in modules are not at hand, and not on the face.
    onwarn: () => {},
  });
  try {
    const paths = Object.fromEntries(
      [...shared].map(([source, script]) => [outside(source), script]),
    );
    const { output } = await build.generate({ format: "es", paths });
    const code = output[0]?.code ?? "";
    return faceDoc(entry) + code.replaceAll(MODULE_DOC, "");
  } finally {
    await build.close();
  }
}

/** What a file says of itself. */
const MODULE_DOC = /^\/\*\*(?:(?!\*\/)[^])*@module(?:(?!\*\/)[^])*\*\/\n+/gm;

/** What the entry says of itself: the rooms behind it are no modules any more. */
export function faceDoc(entry: Entry): string {
  const source = readFileSync(join(ROOT, entry.source), "utf8");
  return source.match(MODULE_DOC)?.[0] ?? "";
}
