/**
 * Builds the npm package into `npm/` with dnt:
 * `deno run -A scripts/release/build_npm.ts`.
 *
 * dnt checks the types as Node sees them. What is published is not what it
 * emits, but the very files that the tests install: `deno task npm` makes the
 * same folder where JSR, from which dnt comes, cannot be reached.
 *
 * @module
 */

import { build } from "@deno/dnt";
import { npmFiles } from "./npm.ts";
import { fillFolder } from "./package.ts";
import { dntOptions, NPM_FOLDER } from "./ship/npm.ts";

await build({
  ...dntOptions(),
  async postBuild() {
    fillFolder(NPM_FOLDER, await npmFiles());
  },
});
