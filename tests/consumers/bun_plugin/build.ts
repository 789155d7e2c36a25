/**
 * Builds one entry: `bun build.ts app.ts out`.
 *
 * @module
 */

import { csv } from "./csv_plugin.ts";

const [entry = "app.ts", outdir = "out"] = process.argv.slice(2);
const { success, logs } = await Bun.build({
  entrypoints: [entry],
  outdir,
  target: "bun",
  plugins: [csv("build_cache.db")],
});
for (const log of logs) console.error(String(log));
process.exitCode = success ? 0 : 1;
