/**
 * Makes one declaration file of an entry's types.
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchPackages } from "../runtimes/packages.ts";
import { bundled } from "./bundle.ts";
import { type Entry, ROOT, sharedBy } from "./entries.ts";
import { withExamples } from "./examples.ts";

export const TOOLS = {
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
  const options = {
    // The types of built-in modules are not at hand, and not on the face.
    onwarn: () => {},
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
  };
  const generate = async (input: object, paths: object): Promise<string> => {
    const build = await rollup({ ...options, ...input });
    try {
      const { output } = await build.generate({ format: "es", paths });
      return output[0]?.code ?? "";
    } finally {
      await build.close();
    }
  };
  const whole = await generate(
    { input: outside(entry.source), external: [...shared.keys()].map(outside) },
    Object.fromEntries(
      [...shared].map(([source, script]) => [outside(source), script]),
    ),
  );
  // Once more, to drop what only the constructors are given.
  const draft = mkdtempSync(join(tmpdir(), "litelatch-types-"));
  try {
    const input = join(draft, "whole.d.ts");
    writeFileSync(input, whole.replaceAll(HIDDEN, "$1private constructor();"));
    const code = await generate({ input, external: [...shared.values()] }, {});
    const types = withTypesOnly(code.replaceAll(MODULE_DOC, ""), entry);
    return faceDoc(entry) + withExamples(types);
  } finally {
    rmSync(draft, { recursive: true });
  }
}

/** A constructor that no caller can use. */
const HIDDEN = /(\/\*\* @ignore \*\/\s+)constructor\([^]*?\);/g;

/** A class whose type alone is exported is no value, whatever the plugin says. */
function withTypesOnly(code: string, entry: Entry): string {
  const exported = (text: string) =>
    [...text.matchAll(/^export \{([^}]*)\};$/gm)]
      .flatMap(([, names = ""]) => names.split(",").map((name) => name.trim()))
      .filter((name) => name !== "");
  const values = exported(bundled(entry));
  const types = exported(code).filter((name) => !values.includes(name));
  if (types.length === 0) return code;
  return `${
    code.replace(/^export \{[^}]*\};$/m, `export { ${values.join(", ")} };`)
  }export type { ${types.join(", ")} };\n`;
}

/** What a file says of itself. */
const MODULE_DOC = /^\/\*\*(?:(?!\*\/)[^])*@module(?:(?!\*\/)[^])*\*\/\n+/gm;

/** What the entry says of itself: the rooms behind it are no modules any more. */
export function faceDoc(entry: Entry): string {
  const source = readFileSync(join(ROOT, entry.source), "utf8");
  return source.match(MODULE_DOC)?.[0] ?? "";
}
