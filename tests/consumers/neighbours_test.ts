import assert from "node:assert/strict";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vendor } from "../../scripts/release/vendor.ts";
import { neighbours } from "../../scripts/test/packages.ts";
import { Child, type Ended } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { defaultSignals } from "../fixtures/machine.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const own = thisRuntime();
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

const HEAD = 'import process from "node:process";\n';
const OPEN = `
const { acquireLock, open } = await import("./litelatch.mjs");
const db = open("app.db");
acquireLock("job");
db.exec("CREATE TABLE IF NOT EXISTS t (a)");
process.on("exit", () => db.write(() => db.exec("INSERT INTO t VALUES (1)")));
`;

/** How each of them comes into a program. */
const NEIGHBOURS = {
  "signal-exit": `
const { onExit } = await import("signal-exit");
onExit(() => console.log("told"));
`,
  execa: `
const { execa } = await import("execa");
// While it ends, execa takes its listeners back, and may swallow a signal.
execa("sleep", ["300"]).catch(() => {});
`,
};

/** The library as one file, beside the packages. */
async function prepare(folder: string): Promise<void> {
  await vendor(folder);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  const modules = join(neighbours(), "node_modules");
  symlinkSync(modules, join(folder, "node_modules"), "junction");
}

async function ended(
  folder: string,
  program: string,
  signal: NodeJS.Signals | null,
): Promise<Ended> {
  const file = join(folder, "program.mjs");
  const end = signal === null
    ? "process.exit(3);"
    : 'setInterval(() => {}, 1000);\nconsole.log("ready");';
  writeFileSync(file, HEAD + program + end);
  const command = [...defaultSignals(), ...own.command, file];
  const child = new Child(command, { NODE_NO_WARNINGS: "1" }, folder);
  if (signal !== null) {
    while (await child.line() !== "ready");
    child.kill(signal);
  }
  return await child.ended;
}

for (const [name, load] of Object.entries(NEIGHBOURS)) {
  test(
    `with ${name} in the process it ends as without litelatch`,
    { skip: withoutPackages },
    inFolder(async (folder) => {
      await prepare(folder);
      let writes = 0;
      for (const signal of [...SIGNALS, null]) {
        const without = await ended(folder, load, signal);
        for (const program of [load + OPEN, OPEN + load]) {
          const left = await ended(folder, program, signal);
          assert.deepEqual(left, without, `${signal}`);
          // signal-exit emits no event of the process at a signal.
          if (signal === null) writes++;
        }
      }
      const count = query(join(folder, "app.db"), "SELECT count(*) FROM t");
      assert.equal(Number(count), writes);
    }),
  );
}

const VITE = `
import { writeFileSync } from "node:fs";
const { createServer } = await import("vite");
const server = await createServer({
  configFile: "vite.config.mjs",
  logLevel: "warn",
  server: { host: "127.0.0.1", port: 0 },
});
await server.listen();
for (let version = 1; version <= 10; version++) {
  const config = globalThis.config(version);
  writeFileSync("vite.config.mjs", config);
  await server.restart();
}
const { versions } = globalThis;
await server.close();
console.log(versions.join());
`;
const CONFIG = (head: string, version: number | string): string =>
  `${head}
export default {
  server: { host: "127.0.0.1", port: 0, watch: null },
  plugins: [{
    name: "build-cache",
    configureServer() {
      write(() => db.prepare("INSERT INTO t VALUES (?)").run(${version}));
      (globalThis.versions ??= []).push(${version});
    },
  }],
};
`;
const CREATE = 'db.exec("CREATE TABLE IF NOT EXISTS t (a)");';
const WITHOUT = `
const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
const db = new DatabaseSync("app.db");
const write = (body) => body();
${CREATE}`;
const WITH = `
import { acquireLock, open } from "./litelatch.mjs";
const db = open("app.db", { app: "vite" });
db.onChange(() => {});
acquireLock("job");
const write = (body) => db.write(body);
${CREATE}`;

test(
  "a config of Vite that opens a database may restart the server ten times",
  {
    skip: withoutPackages ||
      (own.id.startsWith("node") ? false : `this is ${own.label}`),
  },
  inFolder(async (folder) => {
    await prepare(folder);
    const run = async (head: string): Promise<Ended> => {
      writeFileSync(join(folder, "vite.config.mjs"), CONFIG(head, 0));
      const make = `globalThis.config = (version) => ${
        JSON.stringify(CONFIG(head, "VERSION"))
      }.replaceAll("VERSION", version);`;
      const file = join(folder, "program.mjs");
      writeFileSync(file, HEAD + make + VITE);
      const command = [...own.command, file];
      const env = { NODE_NO_WARNINGS: "1" };
      return await new Child(command, env, folder).ended;
    };
    const without = await run(WITHOUT);
    assert.equal(without.stdout, "0,1,2,3,4,5,6,7,8,9,10\n", without.stderr);
    assert.deepEqual(await run(WITH), without);
    const path = join(folder, "app.db");
    assert.equal(query(path, "SELECT count(*) FROM t"), "22");
  }),
);
