import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { npmFiles } from "../../scripts/release/npm.ts";
import { fillFolder } from "../../scripts/release/package.ts";
import { neighbours } from "../../scripts/test/packages.ts";
import { Child, otherRuntime, start } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { until } from "../fixtures/until.ts";

const own = thisRuntime();
const MODULE = new URL("../../mod.ts", import.meta.url);
const BODY = readFileSync(new URL("runners/body.js", import.meta.url), "utf8");
const NAMES = "acquireLock, BusyError, LockedError, open, openAsync";
const IMPORT = `import { ${NAMES} } from "litelatch";\n`;
// More than Node takes listeners for one event without a word.
const LEFT_OPEN = 12;

/** One runner, and how a test file looks there. */
interface Runner {
  name: string;
  runtime: "bun" | "node";
  /** A program of the neighbours, and its arguments; or the runtime's own. */
  words: string[];
  file: (name: string) => string;
  head: string;
  flags?: string[];
  /** Not on Node 22. */
  newest?: boolean;
}

const vitest = (pool: string): Runner => ({
  name: `Vitest, ${pool}`,
  runtime: "node",
  words: [
    "vitest/vitest.mjs",
    "run",
    `--pool=${pool}`,
    "--maxWorkers=1",
    "--no-file-parallelism",
  ],
  file: (name) => `${name}.test.mjs`,
  head: 'import { expect, test, vi as clock } from "vitest";\n' + IMPORT,
});

const RUNNERS: readonly Runner[] = [
  {
    name: "Jest, require",
    runtime: "node",
    words: ["jest/bin/jest.js", "--runInBand", "-c", "jest.config.json"],
    file: (name) => `${name}.test.cjs`,
    head: `const { ${NAMES} } = require("litelatch");\nconst clock = jest;\n`,
    // Jest 30 can require an ES module only so, and only on Node 24.
    flags: ["--experimental-vm-modules"],
    newest: true,
  },
  {
    name: "Jest, import",
    runtime: "node",
    words: ["jest/bin/jest.js", "--runInBand", "-c", "jest.config.json"],
    file: (name) => `${name}.test.mjs`,
    head: 'import { jest as clock } from "@jest/globals";\n' + IMPORT,
    flags: ["--experimental-vm-modules"],
  },
  ...["threads", "forks", "vmThreads", "vmForks"].map(vitest),
  {
    name: "bun test",
    runtime: "bun",
    words: ["test", "--timeout=60000"],
    file: (name) => `${name}.test.mjs`,
    head: 'import { expect, jest as clock, test } from "bun:test";\n' + IMPORT,
  },
];

test(
  "in deno test nothing is left that its sanitizers complain of",
  { skip: own.id === "deno" ? false : `this is ${own.label}` },
  inFolder(async (place) => {
    // Where Deno finds it: this folder is excluded from its tools.
    const program = join(place, "sanitized.js");
    copyFileSync(new URL("runners/sanitized.js", import.meta.url), program);
    const command = [own.command[0] as string, "test", "-A", "--no-check"];
    const env = { APP_DB: join(place, "app.db"), LITELATCH: MODULE.href };
    const child = new Child([...command, program], env);
    const { code, stdout, stderr } = await child.ended;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /\b5 passed\b/);
  }),
);

const LEAVE = `
test("leaves it open", () => {
  const db = open(process.env.APP_DB + "-left");
  db.exec("CREATE TABLE IF NOT EXISTS left (a)");
  globalThis.left = db;
});
`;

/** A folder below the neighbours, so that they are found. */
async function prepare(runner: Runner): Promise<string> {
  const folder = mkdtempSync(join(neighbours(), "run-"));
  fillFolder(join(folder, "node_modules/litelatch"), await npmFiles());
  writeFileSync(join(folder, "package.json"), "{}\n");
  writeFileSync(
    join(folder, "jest.config.json"),
    '{ "testMatch": ["**/*.test.?js"], "transform": {}, "testTimeout": 60000 }\n',
  );
  writeFileSync(
    join(folder, "vitest.config.mjs"),
    'export default { test: { include: ["*.test.mjs"], testTimeout: 60000 } };\n',
  );
  writeFileSync(join(folder, runner.file("body")), runner.head + BODY);
  for (let i = 0; i < LEFT_OPEN; i++) {
    writeFileSync(join(folder, runner.file(`left${i}`)), runner.head + LEAVE);
  }
  return folder;
}

for (const [round, runner] of RUNNERS.entries()) {
  test(
    `in ${runner.name} a database and a lock behave as anywhere`,
    {
      skip: withoutPackages ||
        (own.id === runner.runtime ||
            (own.id.startsWith(runner.runtime) && !runner.newest)
          ? false
          : `this is ${own.label}`),
    },
    inFolder(async (place) => {
      const path = join(place, "app.db");
      const [writer, holder] = [0, 1].map(() =>
        start(otherRuntime(), "database_child.ts")
      );
      await writer!.ask({ do: "open", path });
      await writer!.ask({ do: "exec", sql: "CREATE TABLE t (a)" });
      await writer!.ask({ do: "hold" });
      const held = join(place, "held.db");
      const options = { lock: "exclusive", app: "holder" };
      await holder!.ask({ do: "open", path: held, options });
      const mark = join(place, "mark");

      const folder = await prepare(runner);
      try {
        const [first = "", ...rest] = runner.words;
        const program = first.includes("/")
          ? join(neighbours(), "node_modules", first)
          : first;
        const runtime = own.command[0] as string;
        const command = [runtime, ...runner.flags ?? [], program, ...rest];
        const child = new Child(command, {
          APP_DB: path,
          HELD: held,
          MARK: mark,
          ROUND: String(round),
          CI: "true",
          NODE_NO_WARNINGS: "",
        }, folder);
        await until("it is about to write", () => existsSync(mark), 20);
        await new Promise((resolve) => setTimeout(resolve, 100));
        await writer!.ask({ do: "exec", sql: "COMMIT" });
        const { code, stdout, stderr } = await child.ended;
        assert.equal(code, 0, stdout + stderr);
        const said = stdout + stderr;
        assert.doesNotMatch(said, /MaxListeners|did not exit|open handles/i);
        assert.doesNotMatch(said, /was invoked to clear a native timer/);
        assert.match(said, new RegExp(`\\b${LEFT_OPEN + 1}\\b`));
      } finally {
        rmSync(folder, { recursive: true });
      }
      assert.equal(query(path, "SELECT a FROM t"), String(round));
    }),
  );
}
