import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);

/** The programs of each page, which the tests beside this one run. */
const PAGES = {
  "docs/orms.md": [
    "orms/turn.js",
    "orms/kysely_dialect.js",
    "orms/connection.js",
    "orms/knex_client.js",
    "orms/drizzle_on.js",
    "orms/prisma_adapter.js",
    "migrators/once.js",
    "migrators/prisma_deploy.js",
  ],
  "docs/background.md": ["one_of_many/server.js"],
};

for (const [page, programs] of Object.entries(PAGES)) {
  test(`the programs of ${page} are there as they are run`, () => {
    const text = readFileSync(new URL(page, ROOT), "utf8");
    const blocks = [...text.matchAll(/^```js\n([^]*?)^```$/gm)]
      .map(([, code]) => code);
    const run = programs.map((name) =>
      readFileSync(new URL(`tests/consumers/${name}`, ROOT), "utf8")
    );
    assert.deepEqual(blocks, run);
  });
}

test("the part of a program that docs/orms.md shows is there as it is run", () => {
  const text = readFileSync(new URL("docs/orms.md", ROOT), "utf8");
  const [, part = ""] =
    /^```ts ignore\n(class Adapter [^]*?)^```$/m.exec(text) ?? [];
  assert.notEqual(part, "");
  const program = new URL("tests/consumers/migrators/kysely.js", ROOT);
  assert.ok(readFileSync(program, "utf8").includes(part), part);
});
