/**
 * Builds the npm package into `npm/`:
 * `deno run -A scripts/release/build_npm.ts`.
 *
 * @module
 */

import { build } from "@deno/dnt";
import { copy, emptyDir } from "@std/fs";
import { NPM_FOLDER, npmOptions } from "./ship/npm.ts";
import { vendor } from "./vendor.ts";

await emptyDir(NPM_FOLDER);
await build({
  ...npmOptions(),
  async postBuild() {
    await copy("README.md", `${NPM_FOLDER}/README.md`);
    await copy("LICENSE", `${NPM_FOLDER}/LICENSE`);
    // What `litelatch vendor DEST` copies.
    await vendor(`${NPM_FOLDER}/vendored`);
    // A hundred modules cost Node 59 ms to import where one costs 5.5
    // (scripts/bench/results/import.md). Their types stay.
    await copy(
      `${NPM_FOLDER}/vendored/litelatch.js`,
      `${NPM_FOLDER}/esm/mod.js`,
      { overwrite: true },
    );
  },
});
