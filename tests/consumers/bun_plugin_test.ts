import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Child, type Ended } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const bun = runtimes().find(({ id }) => id === "bun")?.command[0];
const options = {
  skip: withoutPackages || (bun === undefined && "Bun is not here"),
};
const BUILDS = 6;
const TABLES = 20;

/** Six programs that import the same twenty tables and one of their own. */
async function prepare(folder: string): Promise<void> {
  copyConsumer("bun_plugin", folder);
  await installPackages(folder);
  const imports: string[] = [];
  for (let i = 0; i < TABLES; i++) {
    writeFileSync(join(folder, `t${i}.csv`), `name,number\ntable,${i}\n`);
    imports.push(`import t${i} from "./t${i}.csv";`);
  }
  const sum = Array.from({ length: TABLES }, (_, i) => `+t${i}[0].number`);
  for (let i = 0; i < BUILDS; i++) {
    writeFileSync(join(folder, `own${i}.csv`), `number\n${1000 * i}\n`);
    writeFileSync(
      join(folder, `app${i}.ts`),
      `${imports.join("\n")}\nimport own from "./own${i}.csv";\n` +
        `console.log(${sum.join(" + ")} + +own[0].number);\n`,
    );
  }
}

async function all(folder: string, commands: string[][]): Promise<Ended[]> {
  const children = commands.map((command) =>
    new Child([bun ?? "", ...command], {}, folder)
  );
  const ended = await Promise.all(children.map(({ ended }) => ended));
  for (const { code, stderr } of ended) assert.equal(code, 0, stderr);
  return ended;
}

const SUM = TABLES * (TABLES - 1) / 2;
const apps = Array.from({ length: BUILDS }, (_, i) => i);

test(
  "parallel builds share one cache, and each builds what it should",
  options,
  inFolder(async (folder) => {
    await prepare(folder);
    const builds = apps.map((i) => ["build.ts", `app${i}.ts`, `out${i}`]);
    await all(folder, builds);
    const cache = join(folder, "build_cache.db");
    const count = "SELECT count(*) FROM module";
    assert.equal(query(cache, count), `${TABLES + BUILDS}`);
    for (const i of apps) {
      const [ended] = await all(folder, [[`out${i}/app${i}.js`]]);
      assert.equal(ended?.stdout, `${SUM + 1000 * i}\n`);
    }
    // What is in the cache is what the next build takes.
    query(cache, "UPDATE module SET code = replace(code, '\"19\"', '\"119\"')");
    await all(folder, [["build.ts", "app0.ts", "again"]]);
    assert.match(readFileSync(join(folder, "again/app0.js"), "utf8"), /"119"/);
    assert.equal(query(cache, "PRAGMA integrity_check"), "ok");
  }),
);

test(
  "the preload gives programs the same modules as they run",
  options,
  inFolder(async (folder) => {
    await prepare(folder);
    const ended = await all(
      folder,
      apps.map((i) => ["--preload", "./preload.ts", `app${i}.ts`]),
    );
    assert.deepEqual(
      ended.map(({ stdout }) => stdout),
      apps.map((i) => `${SUM + 1000 * i}\n`),
    );
    const count = "SELECT count(*) FROM module";
    const cache = join(folder, "build_cache.db");
    assert.equal(query(cache, count), `${TABLES + BUILDS}`);
  }),
);
