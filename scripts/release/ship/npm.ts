/**
 * What the npm package is made of and says of itself.
 *
 * A plain object, so that it can be looked at where dnt cannot be fetched.
 *
 * @module
 */

import { type Manifest, manifest } from "./manifest.ts";

/** Where the package is built. */
export const NPM_FOLDER = "./npm";

/** What `build` of `@deno/dnt` is given. */
export interface NpmOptions {
  entryPoints: { kind: "bin" | "export"; name: string; path: string }[];
  outDir: string;
  shims: Record<string, never>;
  scriptModule: false;
  test: false;
  typeCheck: "single";
  declaration: "inline";
  skipSourceOutput: true;
  compilerOptions: { target: "ES2022"; lib: "ESNext"[] };
  package: NpmPackage;
}

/** What package.json begins with; dnt adds `exports` and `bin`. */
export interface NpmPackage {
  name: string;
  version: string;
  description: string;
  keywords: string[];
  license: string;
  homepage: string;
  repository: { type: string; url: string };
  bugs: { url: string };
  type: "module";
  sideEffects: false;
  engines: { bun: string; deno: string; node: string };
  dependencies: Record<string, never>;
  devDependencies: { "@types/node": string };
}

const HOME = "https://github.com/litelatch/litelatch";

/** The options for one release. */
export function npmOptions(from: Manifest = manifest()): NpmOptions {
  const entries = typeof from.exports === "string"
    ? { ".": from.exports }
    : from.exports;
  return {
    entryPoints: Object.entries(entries).map(([name, path]) =>
      name === "./cli"
        ? { kind: "bin", name: "litelatch", path }
        : { kind: "export", name, path }
    ),
    outDir: NPM_FOLDER,
    // Everything of the runtime is asked for when it is needed, so there is
    // nothing to shim, and no second copy of it for `require`.
    shims: {},
    scriptModule: false,
    // The tests ran on Node already, on the sources themselves.
    test: false,
    typeCheck: "single",
    declaration: "inline",
    skipSourceOutput: true,
    // ES2022 is what Node 22.16 has, so that dnt has nothing to fill in.
    compilerOptions: { target: "ES2022", lib: ["ESNext"] },
    package: npmPackage(from),
  };
}

function npmPackage({ version, license }: Manifest): NpmPackage {
  return {
    name: "litelatch",
    version,
    description:
      "Open one SQLite database from many processes, safely: on Bun, Deno " +
      "and Node, with no dependencies.",
    keywords: [
      "sqlite",
      "lock",
      "lockfile",
      "pidfile",
      "wal",
      "SQLITE_BUSY",
      "database is locked",
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
    sideEffects: false,
    engines: { bun: ">=1.2.6", deno: ">=2.7.14", node: ">=22.16.0" },
    dependencies: {},
    // For the type check of the build only; a user's types come without it.
    devDependencies: { "@types/node": "^22.16.0" },
  };
}
