/**
 * Tries the npm package with the tools of its users: `deno task matrix`. The
 * tarball is installed with npm; each tool opens a database, catches a refusal
 * by `instanceof`, and an error of `./etcd` by its name. Prints a table, a row
 * for each tool with its command.
 *
 * Not in the tests: the tools are a hundred megabytes. What most people use
 * (Node, Bun, Deno, both formats, esbuild, `bun build`, TypeScript) is there
 * as well, in tests/packaging/.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { fetchPackages } from "../runtimes/packages.ts";
import { npmInstall } from "../runtimes/fetch.ts";
import { oldestRuntime, pinnedRuntime, PINS } from "../runtimes/runtimes.ts";
import { packagingTools } from "../test/packages.ts";
import { bundler } from "./bundle.ts";
import { packed } from "./npm.ts";
import { serveRegistry } from "./registry.ts";
import { manifest } from "./ship/manifest.ts";

const HELP = `Usage: deno task matrix

Installs the npm package and tries it with each tool of its users; prints a
table. Fetches a hundred megabytes at first, and takes some minutes.

  --help  print this`;

const TOOLS = {
  "@rollup/plugin-node-resolve": "16.0.3",
  "@rspack/cli": "2.2.8",
  "@rspack/core": "2.3.3",
  "jest": "30.5.2",
  "miniflare": "4.20260730.0",
  "rollup": "4.68.8",
  "tsx": "4.23.15",
  "typescript": "5.9.3",
  "vite": "8.3.8",
  "vitest": "5.1.1",
  "webpack": "5.112.2",
  "webpack-cli": "7.3.1",
};

const BODY = `
const file = process.cwd() + "/matrix-" + process.pid + ".db";
function refusal() {
  const db = open(file);
  try {
    open(file, { lock: "exclusive" });
  } catch (error) {
    return [error instanceof LockedError, error.name, error.code].join(" ");
  } finally {
    db.close();
  }
}
const unreachable = () =>
  acquireLease("x", { endpoints: ["http://127.0.0.1:1"] })
    .catch((error) => [error.name, error.code].join(" "));
`;
const IMPORT = `import { LockedError, open } from "litelatch";
import { acquireLease } from "litelatch/etcd";`;
const REQUIRE = `const { LockedError, open } = require("litelatch");
const { acquireLease } = require("litelatch/etcd");`;
const SAY = `unreachable().then((said) => console.log(refusal(), said));\n`;
const SAID = "true LockedError LITELATCH_LOCKED LitelatchError LITELATCH_ETCD";
const TEST = `test("litelatch", async () => {
  expect(refusal() + " " + await unreachable()).toBe("${SAID}");
});\n`;

const TYPED = `${IMPORT}
const n: number = open("x").write((db) => db.prepare("SELECT 1").all().length);
const code: string = new LockedError("", []).code;
acquireLease(code, { endpoints: [] }).then((lease) => lease.fence === n);
// @ts-expect-error no such lock
open("x", { lock: "alone" });
`;
const checking = (resolution: object, ...files: string[]) =>
  JSON.stringify({
    compilerOptions: {
      ...resolution,
      target: "es2022",
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      // Nobody has to have @types/node.
      types: [],
    },
    files,
  });

// Every entry is imported, and what can be called first is called.
const REFUSED = `import { acquireLock, adopt, open } from "./litelatch.mjs";
import { acquireLease } from "./litelatch-etcd.mjs";
import { inspect } from "./litelatch-inspect.mjs";
import { legacyLocks } from "./litelatch-legacy.mjs";
export async function refusals() {
  const said = new Set();
  const calls = [open, adopt, acquireLock, acquireLease, inspect, legacyLocks];
  for (const call of calls) {
    try {
      await call("x.db");
      said.add("went on");
    } catch ({ name, message }) {
      said.add(name + " " + message);
    }
  }
  return [...said].join();
}
`;
const WORKERD = `import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
const read = (path) => ({ type: "ESModule", path, contents: readFileSync(
  path.startsWith("litelatch") ? "node_modules/litelatch/" + path : path,
  "utf8",
) });
const flags = process.argv.slice(2);
const worker = new Miniflare({
  compatibilityDate: "2026-07-01",
  compatibilityFlags: flags,
  modules: [
    { type: "ESModule", path: "main.mjs", contents:
      'import { refusals } from "./refused.mjs"; export default ' +
      "{ fetch: async () => new Response(await refusals()) };" },
    ...["refused.mjs", "litelatch.mjs", "litelatch-etcd.mjs",
      "litelatch-inspect.mjs", "litelatch-legacy.mjs",
      "litelatch-shared.mjs"].map(read),
  ],
});
console.log(await (await worker.dispatchFetch("http://x/")).text());
await worker.dispose();
`;

const FILES: Readonly<Record<string, string>> = {
  "refused.mjs": REFUSED,
  "workerd.mjs": WORKERD,
  "typed.ts": TYPED,
  "typed.cts": TYPED,
  "nodenext.json": checking({ module: "nodenext" }, "typed.ts", "typed.cts"),
  "bundler.json": checking(
    { module: "esnext", moduleResolution: "bundler" },
    "typed.ts",
  ),
  "npm.mjs": IMPORT.replaceAll('"litelatch', '"npm:litelatch') + BODY + SAY,
  "program.mjs": IMPORT + BODY + SAY,
  "program.cjs": REQUIRE + BODY + SAY,
  "program.ts": IMPORT + BODY + SAY,
  "matrix.test.mjs": 'import { expect, test } from "vitest";\n' + IMPORT +
    BODY + TEST,
  "required.test.cjs": REQUIRE + BODY + TEST,
  "imported.test.mjs": IMPORT + BODY + TEST,
  "rollup.config.mjs":
    'import { nodeResolve } from "@rollup/plugin-node-resolve";\n' +
    'export default { input: "program.mjs", plugins: [nodeResolve()],\n' +
    '  external: [/^node:/], output: { file: "rollup.mjs" } };\n',
  "vite.config.mjs": "export default { ssr: { noExternal: true },\n" +
    '  build: { ssr: "program.mjs", outDir: "vite", minify: true } };\n',
  "webpack.config.cjs": 'module.exports = { mode: "production",\n' +
    '  target: "node", entry: process.env.ENTRY,\n' +
    "  output: { path: __dirname, filename: process.env.OUT } };\n",
  "jest.config.json": '{ "testMatch": ["**/*ed.test.?js"], "transform": {} }\n',
};

/** One way to use the package. */
interface Row {
  readonly name: string;
  /** One after the other; the last says what the program said. */
  readonly commands: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it says; where it is `null`, its exit code is the answer. */
  readonly says?: string | null;
}

const OLDEST = { bun: oldest("bun"), deno: oldest("deno") };
const JEST = { NODE_OPTIONS: "--experimental-vm-modules" };
const VERSION = `${manifest().version}\n`;

const RUNTIMES: readonly [name: string, command: string][] = [
  ["Node 24", "node"],
  ["Node 22.16", "node22"],
  ["Node 26", "node26"],
  ["Bun", "bun"],
  [`Bun ${OLDEST.bun}`, `bun-${OLDEST.bun}`],
  ["Deno", "deno run -A"],
  [`Deno ${OLDEST.deno}`, `deno-${OLDEST.deno} run -A`],
];

/** All of them, in the order of the table. */
export const ROWS: readonly Row[] = [
  ...RUNTIMES.flatMap(([name, command]): Row[] => [
    { name: `${name}, import`, commands: [`${command} program.mjs`] },
    { name: `${name}, require`, commands: [`${command} program.cjs`] },
  ]),
  { name: "Deno, npm:", commands: ["deno run -A npm.mjs"] },
  {
    name: "command, by npx",
    commands: ["npx litelatch --version"],
    says: VERSION,
  },
  {
    name: "command, by bunx",
    commands: ["bun x --bun litelatch --version"],
    says: VERSION,
  },
  {
    name: "command, by Deno",
    commands: ["deno run -A npm:litelatch --version"],
    says: VERSION,
  },
  ...["5", "7"].flatMap((major) =>
    ["nodenext", "bundler"].map((how): Row => ({
      name: `TypeScript ${major}, ${how}`,
      commands: [`npx -p typescript@${major} tsc -p ${how}.json`],
      says: null,
    }))
  ),
  ...["", " nodejs_compat"].map((flag): Row => ({
    name: `workerd${flag}, refused`,
    commands: [`node workerd.mjs${flag}`],
    says: "UnsupportedError Cannot use litelatch on Cloudflare-Workers: it " +
      "needs files and SQLite: Bun, Deno or Node\n",
  })),
  {
    name: "publint",
    commands: ["npx publint run --strict litelatch.tgz"],
    says: null,
  },
  {
    name: "Are the types wrong?",
    // Node 10 knows no `exports`; CommonJS is given the ES module, which every
    // Node that we support requires.
    commands: [
      "npx attw litelatch.tgz --profile=node16 " +
      "--ignore-rules=cjs-resolves-to-esm",
    ],
    says: null,
  },
  ...["esm", "cjs"].map((format): Row => {
    const out = `esbuild.${format === "esm" ? "mjs" : "cjs"}`;
    return {
      name: `esbuild, ${format}`,
      commands: [
        "npx esbuild program.mjs --bundle --minify --platform=node " +
        `--format=${format} --outfile=${out}`,
        `node ${out}`,
      ],
    };
  }),
  {
    name: "bun build",
    commands: [
      "bun build --target=bun --minify program.mjs --outfile=bun.mjs",
      "bun bun.mjs",
    ],
  },
  {
    name: "bun build --compile",
    commands: [
      "bun build --compile --minify program.mjs --outfile=compiled",
      "./compiled",
    ],
  },
  { name: "Rollup", commands: ["npx rollup -c", "node rollup.mjs"] },
  { name: "Vite, SSR", commands: ["npx vite build", "node vite/program.mjs"] },
  ...["webpack", "rspack"].flatMap((tool) =>
    ["mjs", "cjs"].map((format): Row => ({
      name: `${tool}, ${format}`,
      env: { ENTRY: `./program.${format}`, OUT: `${tool}-${format}.cjs` },
      commands: [
        `npx ${tool} -c webpack.config.cjs`,
        `node ${tool}-${format}.cjs`,
      ],
    }))
  ),
  { name: "tsx", commands: ["npx tsx program.ts"] },
  ...["forks", "threads", "vmForks", "vmThreads"].map((pool): Row => ({
    name: `Vitest, ${pool}`,
    commands: [`npx vitest run --pool=${pool} matrix.test.mjs`],
    says: null,
  })),
  {
    name: "Jest, import",
    commands: ["npx jest -c jest.config.json imported"],
    env: JEST,
    says: null,
  },
  {
    name: "Jest, require",
    commands: ["npx jest -c jest.config.json required"],
    env: JEST,
    says: null,
  },
];

function oldest(id: "bun" | "deno"): string {
  return PINS.find((pin) => pin.id === id)?.oldest ?? "";
}

/** The line of the table for one row. */
export function lineOf({ name, commands }: Row, verdict: string): string {
  return `| ${name} | \`${commands.join(" && ")}\` | ${verdict} |`;
}

/** Tries all rows; what each said, `null` where all is well. */
async function tryAll(): Promise<Map<Row, string | null>> {
  // Below the tools, so that they are found.
  const folder = mkdtempSync(join(fetchPackages("matrix", TOOLS), "run-"));
  try {
    const tarball = await packed(folder);
    const registry = await serveRegistry(tarball);
    try {
      writeFileSync(join(folder, "package.json"), "{}\n");
      const said = npmInstall(folder, ["--offline", tarball]);
      if (said !== "") throw new Error(said);
      for (const [name, text] of Object.entries(FILES)) {
        writeFileSync(join(folder, name), text);
      }
      const results = new Map<Row, string | null>();
      for (const row of ROWS) {
        results.set(
          row,
          await tryRow(row, folder, basename(tarball), registry.url),
        );
      }
      return results;
    } finally {
      registry.close();
    }
  } finally {
    for (const path of [folder, `${folder}.deno`]) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

async function tryRow(
  { commands, env, says = SAID }: Row,
  folder: string,
  tarball: string,
  registry: string,
): Promise<string | null> {
  let output = "";
  for (const command of commands) {
    const words = command.replace("litelatch.tgz", tarball).split(" ");
    const ownRegistry = {
      // Else the folder of packages beside it would answer. Not below the
      // folder: Jest knows only one package of a name.
      DENO_NO_PACKAGE_JSON: "1",
      DENO_DIR: `${folder}.deno`,
      NPM_CONFIG_REGISTRY: registry,
    };
    const { code, said } = await outcomeOf(started(words, folder), folder, {
      ...(command.includes("npm") ? ownRegistry : {}),
      ...env,
    });
    if (code !== 0) return said;
    output = said;
  }
  return says === null || output.includes(says) ? null : output;
}

function outcomeOf(
  [program = "", ...args]: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; said: string }> {
  const how = {
    cwd,
    env: { ...process.env, NO_COLOR: "1", CI: "true", ...env },
    timeout: 120_000,
  };
  return new Promise((resolve) => {
    execFile(program, args, how, (error, stdout, stderr) => {
      const why = error === null ? "" : error.message;
      resolve({ code: error === null ? 0 : 1, said: stdout + stderr + why });
    });
  });
}

/** The pinned runtimes, and tools by the pinned Node. */
function started(words: readonly string[], folder: string): readonly string[] {
  const [program = "", ...args] = words;
  if (program.startsWith("./")) return words;
  const [id = "", version] = program.split("-");
  if (id !== "npx") {
    const find = version === undefined ? pinnedRuntime : oldestRuntime;
    return [find(id).path, ...args];
  }
  const named = args[0] === "-p" ? args[1] : undefined;
  const [tool = "", ...rest] = named === undefined ? args : args.slice(2);
  if (tool === "esbuild") return [bundler(), ...rest];
  const others = join(packagingTools(), "node_modules/.bin", tool);
  const places = ["node_modules/.bin", "../node_modules/.bin"]
    .map((place) => join(folder, place, tool));
  const found = named?.endsWith("@7")
    ? others
    : [...places, others].find((path) => existsSync(path));
  return [pinnedRuntime("node").path, found ?? tool, ...rest];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { help: { type: "boolean", default: false } },
  });
  if (values.help) return console.log(HELP);
  const results = await tryAll();
  console.log("| with | command | |\n| --- | --- | --- |");
  for (const [row, trouble] of results) {
    console.log(lineOf(row, trouble === null ? "works" : "**fails**"));
  }
  for (const [{ name }, trouble] of results) {
    if (trouble === null) continue;
    console.error(`\n${name}:\n${trouble.slice(0, 1500)}`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main();
