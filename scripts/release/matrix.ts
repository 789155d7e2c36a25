/**
 * Tries the npm package with the tools of its users: `deno task matrix`. Each
 * opens a database, catches a refusal by `instanceof`, and an error of
 * `./etcd` by its name. Prints a table, a row for each tool with its command.
 *
 * Not in the tests: the tools are a hundred megabytes. What most people use
 * (Node, Bun, Deno, both formats, esbuild, `bun build`, TypeScript) is there,
 * in tests/packaging/.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fetchPackages } from "../runtimes/packages.ts";
import { anyRuntime } from "../runtimes/runtimes.ts";
import { npmFiles } from "./npm.ts";
import { fillFolder } from "./package.ts";

const TOOLS = {
  "@rollup/plugin-node-resolve": "16.0.3",
  "@rspack/cli": "2.2.8",
  "@rspack/core": "2.3.3",
  "jest": "30.5.2",
  "rollup": "4.68.8",
  "tsx": "4.23.15",
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

const FILES: Readonly<Record<string, string>> = {
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
  /** A test runner: its exit code is the answer. */
  readonly judges?: true;
}

const ROWS: readonly Row[] = [
  { name: "Node, import", commands: ["node program.mjs"] },
  { name: "Node, require", commands: ["node program.cjs"] },
  { name: "Node 22, import", commands: ["node22 program.mjs"] },
  { name: "Node 22, require", commands: ["node22 program.cjs"] },
  { name: "Bun, import", commands: ["bun program.mjs"] },
  { name: "Bun, require", commands: ["bun program.cjs"] },
  { name: "Deno, import", commands: ["deno run -A program.mjs"] },
  { name: "Deno, require", commands: ["deno run -A program.cjs"] },
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
    judges: true,
  })),
  {
    name: "Jest, import",
    commands: ["npx jest -c jest.config.json imported"],
    env: { NODE_OPTIONS: "--experimental-vm-modules" },
    judges: true,
  },
  {
    name: "Jest, require",
    commands: ["npx jest -c jest.config.json required"],
    env: { NODE_OPTIONS: "--experimental-vm-modules" },
    judges: true,
  },
];

/** Tries all rows; what each said, `null` where all is well. */
async function tryAll(): Promise<Map<Row, string | null>> {
  // Below the tools, so that they are found.
  const folder = mkdtempSync(join(fetchPackages("matrix", TOOLS), "run-"));
  try {
    fillFolder(join(folder, "node_modules/litelatch"), await npmFiles());
    writeFileSync(join(folder, "package.json"), "{}\n");
    for (const [name, text] of Object.entries(FILES)) {
      writeFileSync(join(folder, name), text);
    }
    return new Map(ROWS.map((row) => [row, tryRow(row, folder)]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tryRow(row: Row, folder: string): string | null {
  let output = "";
  for (const command of row.commands) {
    const [program = "", ...args] = command.split(" ");
    const { status, stdout, stderr, error } = spawnSync(
      ...started(program, args),
      {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1", CI: "true", ...row.env },
        timeout: 120_000,
      },
    );
    output = `${stdout}${stderr}`;
    if (status !== 0) return error?.message ?? output;
  }
  return row.judges || output.includes(SAID) ? null : output;
}

/** The pinned runtimes, and tools by the pinned Node. */
function started(program: string, args: string[]): [string, string[]] {
  if (program.startsWith("./")) return [program, args];
  if (program !== "npx") {
    const { command } = anyRuntime(program);
    return [command[0]!, args];
  }
  const [tool = "", ...rest] = args;
  const node = anyRuntime("node").command[0]!;
  return [node, [`../node_modules/.bin/${tool}`, ...rest]];
}

if (import.meta.main) {
  const results = await tryAll();
  console.log("| with | command | |\n| --- | --- | --- |");
  for (const [{ name, commands }, trouble] of results) {
    const verdict = trouble === null ? "works" : "**fails**";
    console.log(`| ${name} | \`${commands.join(" && ")}\` | ${verdict} |`);
  }
  for (const [{ name }, trouble] of results) {
    if (trouble === null) continue;
    console.error(`\n${name}:\n${trouble.slice(0, 1500)}`);
    process.exitCode = 1;
  }
}
