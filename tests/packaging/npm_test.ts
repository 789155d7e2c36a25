import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { manifest } from "../../scripts/release/ship/manifest.ts";
import { dntOptions, packageJson } from "../../scripts/release/ship/npm.ts";
import { PINS } from "../../scripts/runtimes/runtimes.ts";
import { inFolder } from "../fixtures/folder.ts";
import { packages, withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const own = thisRuntime();
const ROOT = new URL("../../", import.meta.url);
const json = packageJson();
const options = dntOptions();

test("the npm package has the version and licence of deno.json", () => {
  const { version, license } = manifest();
  assert.equal(json.name, "litelatch");
  assert.equal(json.version, version);
  assert.equal(json.license, license);
});

test("the npm package needs nothing and runs nothing when installed", () => {
  const not = ["scripts", "gypfile", "dependencies", "optionalDependencies"];
  for (const key of [...not, "devDependencies", "peerDependencies"]) {
    assert.equal(Object.hasOwn(json, key), false, key);
  }
});

test("the npm package is ESM only, without shims or polyfills", () => {
  assert.equal(json.type, "module");
  assert.equal(options.scriptModule, false);
  assert.equal(options.polyfills, false);
  assert.deepEqual(options.shims, {});
});

test("every entry has types and a default, so that CommonJS may require it", () => {
  const { "./package.json": _, ...entries } = json.exports;
  assert.deepEqual(
    Object.keys(entries),
    Object.keys(manifest().exports).filter((name) => name !== "./cli"),
  );
  for (const entry of Object.values(entries)) {
    // The first condition that fits is taken: types must come first.
    assert.deepEqual(Object.keys(entry), ["types", "default"]);
  }
  const { default: main, types } = entries["."] as Record<string, string>;
  assert.deepEqual([json.main, json.types], [main, types]);
});

test("engines are the oldest releases that are tested or refused", () => {
  for (const { program, oldest } of PINS) {
    assert.equal(json.engines[program], `>=${oldest}`);
  }
});

test("./cli becomes the litelatch command, and every other entry stays", () => {
  const { entryPoints } = dntOptions({
    ...manifest(),
    exports: { ".": "./mod.ts", "./cli": "./cli.ts", "./other": "./o.ts" },
  });
  assert.deepEqual(entryPoints, [
    { kind: "export", name: ".", path: "./mod.ts" },
    { kind: "bin", name: "litelatch", path: "./cli.ts" },
    { kind: "export", name: "./other", path: "./o.ts" },
  ]);
});

test("every entry point exists", () => {
  for (const { path } of options.entryPoints) {
    assert.ok(existsSync(new URL(path, ROOT)), path);
  }
});

test(
  "the sources have sound types where dnt checks them: with those of Node",
  { skip: withoutPackages || (own.id !== "node" && "it runs on one runtime") },
  inFolder((folder) => {
    const modules = join(packages(), "node_modules");
    const { target, lib } = options.compilerOptions;
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target,
          lib,
          module: "esnext",
          moduleResolution: "bundler",
          allowImportingTsExtensions: true,
          noEmit: true,
          strict: true,
          skipLibCheck: true,
          types: ["node"],
          typeRoots: [join(modules, "@types")],
        },
        files: options.entryPoints.map(({ path }) =>
          fileURLToPath(new URL(path, ROOT))
        ),
      }),
    );
    const tsc = join(modules, "typescript/bin/tsc");
    const [program = "", ...args] = [...own.command, tsc, "-p", folder];
    const { status, stdout } = spawnSync(program, args, { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  }),
);

test("the sources use nothing that dnt would fill in", () => {
  // Of PolyfillName in dnt's lib/types.ts, what ES2022 lacks.
  const lacking =
    /\.findLast(Index)?\(|Array\.fromAsync|Promise\.withResolvers|import\.meta\.(main|dirname|filename|resolve)/;
  assert.match("values.findLast(wanted)", lacking);
  for (const path of sourcesFrom("mod.ts")) {
    const code = readFileSync(new URL(path, ROOT), "utf8")
      .replaceAll(/\/\*[^]*?\*\//g, "");
    assert.doesNotMatch(code, lacking, path);
  }
});

/** A file and all that it imports, as paths from the root. */
function sourcesFrom(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const code = readFileSync(new URL(path, ROOT), "utf8");
  const root = fileURLToPath(ROOT);
  for (const [, specifier] of code.matchAll(/from "(\.[^"]+)"/g)) {
    const url = new URL(specifier ?? "", new URL(path, ROOT));
    sourcesFrom(
      fileURLToPath(url).slice(root.length).replaceAll("\\", "/"),
      seen,
    );
  }
  return seen;
}
