/**
 * Runs every example of the sources, the README and the pages of `docs/`, in a
 * copy: examples open databases beside themselves.
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

/** Run by the tests of tests/consumers/: they import packages of npm. */
const RUN_ELSEWHERE = [
  "docs/adopting.md",
  "docs/orms.md",
  "docs/background.md",
];
/** They need a server: they are only type-checked. */
const CHECKED = ["src/etcd", "docs/many-hosts.md"];

/** The exit code of `deno test --doc`. */
export function runExamples(deno: string): number {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-doc-"));
  try {
    for (const name of ["mod.ts", "src", "docs", "README.md"]) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
    const config = JSON.parse(
      readFileSync(join(ROOT, "deno.json"), "utf8"),
    ) as { compilerOptions: Record<string, unknown> };
    // Deno 2.9.6 imports the exports of a file into each of its examples, and
    // most examples do not use them all.
    delete config.compilerOptions["noUnusedLocals"];
    writeFileSync(join(folder, "deno.json"), JSON.stringify(config));
    const examples = [
      "mod.ts",
      "README.md",
      ...listed("src"),
      ...listed("docs").filter((page) => page.endsWith(".md")),
    ].filter((path) => ![...CHECKED, ...RUN_ELSEWHERE].includes(path));
    for (
      const args of [
        ["check", "--doc-only", ...CHECKED],
        ["test", "--doc", "-A", ...examples],
      ]
    ) {
      const { status } = spawnSync(deno, args, {
        cwd: folder,
        stdio: "inherit",
      });
      if (status !== 0) return status ?? 1;
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function listed(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`);
}

if (import.meta.main) process.exitCode = runExamples(process.execPath);
