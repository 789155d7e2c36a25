/**
 * What the npm package says of itself, and what dnt is told.
 *
 * Plain objects, so that they can be looked at where dnt cannot be fetched.
 *
 * @module
 */

import { entries } from "../entries.ts";
import { type Manifest, manifest } from "./manifest.ts";

/** Where the package is built. */
export const NPM_FOLDER = "./npm";

/** The repository. */
export const HOME = "https://github.com/litelatch/litelatch";

/** What `build` of `@deno/dnt` is given. */
export interface DntOptions {
  entryPoints: { kind: "bin" | "export"; name: string; path: string }[];
  outDir: string;
  shims: Record<string, never>;
  polyfills: false;
  scriptModule: false;
  test: false;
  typeCheck: "single";
  declaration: "inline";
  skipSourceOutput: true;
  compilerOptions: { target: "ES2022"; lib: "ESNext"[] };
  package: PackageJson & { devDependencies: { "@types/node": string } };
}

/** `package.json`, whole. */
export interface PackageJson {
  name: string;
  version: string;
  description: string;
  keywords: string[];
  license: string;
  homepage: string;
  repository: { type: string; url: string };
  bugs: { url: string };
  type: "module";
  main: string;
  types: string;
  exports: Record<string, string | { types: string; default: string }>;
  bin: { litelatch: string };
  sideEffects: string[];
  engines: { bun: string; deno: string; node: string };
}

/** The options for one release. */
export function dntOptions(from: Manifest = manifest()): DntOptions {
  return {
    entryPoints: Object.entries(from.exports).map(([name, path]) =>
      name === "./cli"
        ? { kind: "bin", name: "litelatch", path }
        : { kind: "export", name, path }
    ),
    outDir: NPM_FOLDER,
    // Everything of the runtime is asked for when it is needed, so there is
    // nothing to shim. Polyfills would leak into the types of users.
    shims: {},
    polyfills: false,
    // Every Node from 22.12 on requires an ES module.
    scriptModule: false,
    // The tests ran on Node already, on the sources and on the package.
    test: false,
    typeCheck: "single",
    declaration: "inline",
    skipSourceOutput: true,
    compilerOptions: { target: "ES2022", lib: ["ESNext"] },
    package: {
      ...packageJson(from),
      // For the type check of the build only; a user's types come without it.
      devDependencies: { "@types/node": "^22.16.0" },
    },
  };
}

/** What is published as `package.json`. */
export function packageJson(
  { version, license }: Manifest = manifest(),
): PackageJson {
  const exported = entries().filter(({ name }) => name !== "./cli");
  const [core, command] = ["litelatch", "litelatch-cli.mjs"];
  return {
    name: "litelatch",
    version,
    description:
      "Open one SQLite database from many processes, safely: on Bun, Deno " +
      "and Node, with no dependencies.",
    keywords: [
      "sqlite",
      "node:sqlite",
      "bun:sqlite",
      "busy_timeout",
      "SQLITE_BUSY",
      "database is locked",
      "wal",
      "lock",
      "lockfile",
      "pidfile",
      "multi-process",
      "bun",
      "deno",
      "mcp",
    ],
    license,
    homepage: `${HOME}#readme`,
    repository: { type: "git", url: `git+${HOME}.git` },
    bugs: { url: `${HOME}/issues` },
    type: "module",
    main: `./${core}.mjs`,
    types: `./${core}.d.mts`,
    exports: {
      // "default" and not "import": CommonJS may require it.
      ...Object.fromEntries(
        exported.map(({ name, script, types }) => [
          name,
          { types: `./${types}`, default: `./${script}` },
        ]),
      ),
      "./package.json": "./package.json",
    },
    bin: { litelatch: `./${command}` },
    sideEffects: [`./${command}`],
    engines: { bun: ">=1.2.6", deno: ">=2.7.14", node: ">=22.16.0" },
  };
}
