/**
 * Makes one declaration file of the library's types.
 *
 * @module
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchPackages } from "../../runtimes/packages.ts";

const FACE = fileURLToPath(new URL("../../../mod.ts", import.meta.url));

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
 * The types of everything that `mod.ts` exports, with their documentation and
 * without a single import.
 *
 * @throws {Error} When npm cannot bring the tools.
 */
export async function declarations(): Promise<string> {
  const folder = declarationTools();
  const load = createRequire(join(folder, "load.cjs"));
  const { rollup } = load("rollup") as Rollup;
  const { dts } = load("rollup-plugin-dts") as { dts(o: object): object };
  const { ScriptTarget, ModuleKind, ModuleResolutionKind } = load(
    "typescript",
  ) as Record<string, Record<string, number>>;
  const build = await rollup({
    input: FACE,
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
    const { output } = await build.generate({ format: "es" });
    return output[0]?.code ?? "";
  } finally {
    await build.close();
  }
}
