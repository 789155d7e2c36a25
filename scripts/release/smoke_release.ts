/**
 * Tries what was published, from JSR and from npm:
 * `deno run -A scripts/release/smoke_release.ts [version]`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { npmInstall } from "../runtimes/fetch.ts";
import { anyRuntime } from "../runtimes/runtimes.ts";
import { runChild } from "../test/child.ts";
import { manifest } from "./ship/manifest.ts";

const SMOKE = fileURLToPath(
  new URL("../../tests/packaging/fixtures/smoke.js", import.meta.url),
);
const version = process.argv[2] ?? manifest().version;
const folder = mkdtempSync(join(tmpdir(), "litelatch-release-"));
try {
  const installed = npmInstall(folder, [
    `litelatch@${version}`,
    `jsr@npm:@jsr/litelatch__litelatch@${version}`,
    "--@jsr:registry=https://npm.jsr.io",
  ]);
  assertEquals(installed, "", "npm install");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  const smoke = join(folder, "smoke.js");
  copyFileSync(SMOKE, smoke);
  for (const id of ["node", "bun"]) {
    const runtime = anyRuntime(id);
    await tries(runtime.command, smoke, "litelatch");
    await tries(runtime.command, smoke, "jsr");
    const bin = join(folder, "node_modules/litelatch/package.json");
    const { default: { bin: { litelatch } } } = await import(bin, {
      with: { type: "json" },
    });
    const path = join(folder, "node_modules/litelatch", litelatch);
    const said = await runChild(
      [...runtime.command, path, "--version"],
      60_000,
    );
    assert(said.output.includes(version), `${runtime.label}: ${said.output}`);
  }
  const deno = [Deno.execPath(), "run", "-A", "--no-config"];
  await tries(deno, smoke, `jsr:@litelatch/litelatch@${version}`);
  await tries(deno, smoke, `npm:litelatch@${version}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`litelatch ${version} from JSR and npm: all is well`);

async function tries(
  command: readonly string[],
  smoke: string,
  specifier: string,
): Promise<void> {
  const { code, output } = await runChild(
    [...command, smoke, specifier, folder],
    120_000,
  );
  assertEquals(code, 0, `${specifier} with ${command[0]}: ${output}`);
  assert(output.includes("smoke: all is well"), output);
}
