/**
 * Ends with 1 unless a tag is the version of `deno.json`: `check_tag.ts v1.2.3`.
 *
 * @module
 */

import process from "node:process";
import { manifest } from "./manifest.ts";

const { version } = manifest();
const tag = process.argv[2] ?? "";
if (tag !== `v${version}`) {
  console.error(
    `Cannot publish: the tag must be "v${version}", as deno.json says, ` +
      `got "${tag}"`,
  );
  process.exit(1);
}
