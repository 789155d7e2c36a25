/**
 * Builds an npm package's C code for one Node.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import type { Runtime } from "./runtimes.ts";

const PATIENCE = 5 * 60_000;

/**
 * Builds it with npm's own node-gyp, unless that Node loads it already.
 *
 * @returns Why it cannot be used, or `""`.
 */
export function buildAddon(
  folder: string,
  name: string,
  node: Runtime,
): string {
  if (loads(folder, name, node)) return "";
  console.error(`Building ${name} for ${node.label} …`);
  const headers = headersOf(node);
  const windows = process.platform === "win32";
  const { status, stderr, error } = spawnSync(
    windows ? "npm.cmd" : "npm",
    ["rebuild", "--prefix", folder, "--no-audit", "--loglevel=error", name],
    {
      encoding: "utf8",
      env: {
        ...process.env,
        // npm builds for the Node that it runs on.
        PATH: `${dirname(node.path)}${delimiter}${process.env["PATH"] ?? ""}`,
        // Without headers node-gyp fetches them from nodejs.org.
        npm_config_nodedir: headers ?? "",
      },
      timeout: PATIENCE,
      shell: windows,
    },
  );
  if (loads(folder, name, node)) return "";
  const said = (error?.message ?? stderr).trim().split("\n").at(-1) ?? "";
  return status === 0 ? `${node.label} does not load it` : said;
}

function loads(folder: string, name: string, node: Runtime): boolean {
  const { status } = spawnSync(node.path, ["-e", `require("${name}")`], {
    cwd: folder,
    stdio: "ignore",
    timeout: 30_000,
  });
  return status === 0;
}

/** Where this Node came with its headers: two layouts of npm, and others'. */
function headersOf({ path }: Runtime): string | null {
  const own = `node-${process.platform}-${process.arch}`;
  const home = dirname(dirname(path));
  return [home, join(home, "node_modules", own), join(dirname(home), own)]
    .find((at) => existsSync(join(at, "include", "node", "node_version.h"))) ??
    null;
}
