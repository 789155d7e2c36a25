/**
 * Runs every example of the documentation, in a copy of the sources: examples
 * open databases beside themselves.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The exit code of `deno test --doc`. */
export function runExamples(deno: string): number {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-doc-"));
  try {
    for (const name of ["mod.ts", "src"]) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
    const config = JSON.parse(
      readFileSync(join(ROOT, "deno.json"), "utf8"),
    ) as { compilerOptions: Record<string, unknown> };
    // Deno 2.9.6 imports the exports of a file into each of its examples, and
    // most examples do not use them all.
    delete config.compilerOptions["noUnusedLocals"];
    writeFileSync(join(folder, "deno.json"), JSON.stringify(config));
    // Those of src/etcd/ need a server: they are only type-checked.
    const check = ["check", "--doc-only", "src/etcd"];
    const checked = spawnSync(deno, check, { cwd: folder, stdio: "inherit" });
    if (checked.status !== 0) return checked.status ?? 1;
    const rooms = readdirSync(join(folder, "src"))
      .filter((name) => name !== "etcd")
      .map((name) => `src/${name}`);
    const args = ["test", "--doc", "-A", "mod.ts", ...rooms];
    const { status } = spawnSync(deno, args, { cwd: folder, stdio: "inherit" });
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = runExamples(process.execPath);
