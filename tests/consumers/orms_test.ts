import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  applicationPackages,
  prismaPackages,
} from "../../scripts/test/packages.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const own = thisRuntime();
const hasAddOns = own.id.startsWith("node");
const PROCESSES = 6;
const MS = Number(process.env["LITELATCH_ORM_MS"] ?? "1500");

/** What the processes of one way said, all together. */
interface Said {
  done: number;
  failed: number;
  errors: Record<string, string>;
}

/** Lets six processes count at once, and looks whether no step was lost. */
async function load(
  folder: string,
  program: string,
  way: string,
): Promise<Said> {
  const path = join(folder, "app.db");
  query(path, "PRAGMA journal_mode=WAL");
  query(
    path,
    "CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER);" +
      "DELETE FROM counter; INSERT INTO counter VALUES (1, 0)",
  );
  const children = Array.from({ length: PROCESSES }, () =>
    new Child(
      [
        ...own.command,
        join(folder, `${program}.js`),
        way,
        String(MS),
      ],
      {},
      folder,
    ));
  for (const child of children) assert.equal(await child.line(), "ready");
  for (const child of children) child.say("go");
  const total: Said = { done: 0, failed: 0, errors: {} };
  for (
    const { code, stdout, stderr } of await Promise.all(
      children.map((one) => one.ended),
    )
  ) {
    assert.equal(code, 0, stderr);
    const said = JSON.parse(stdout.split("\n")[1] ?? "") as Said;
    total.done += said.done;
    total.failed += said.failed;
    Object.assign(total.errors, said.errors);
  }
  assert.equal(query(path, "SELECT n FROM counter"), String(total.done));
  console.log(`${program}, ${way}: ${JSON.stringify(total)}`);
  return total;
}

/** By program, what the plain way of it is told by; and where it can run. */
const PROGRAMS = [
  { program: "kysely", plain: "kysely", isEverywhere: true },
  { program: "drizzle", plain: "drizzle", isEverywhere: false },
  { program: "drizzle_async", plain: "drizzle", isEverywhere: true },
  { program: "knex", plain: "knex", isEverywhere: false },
  { program: "typeorm", plain: "typeorm", isEverywhere: false },
  { program: "prisma", plain: "prisma", isEverywhere: true },
];

for (const { program, plain, isEverywhere } of PROGRAMS) {
  test(
    `six processes read and then write with ${program}, and none fails`,
    {
      skip: withoutPackages ||
        (!hasAddOns && !isEverywhere && "better-sqlite3 is an add-on of Node"),
    },
    inFolder(async (folder) => {
      copyConsumer("orms", folder);
      const sources = applicationPackages();
      if (program === "prisma") sources.push(prismaPackages());
      await installPackages(folder, sources);
      if (program === "prisma") generate(folder);
      if (hasAddOns) {
        const { failed } = await load(folder, plain, "plain");
        // Else this load would show nothing.
        assert.ok(failed > 0, "the plain way fails at times");
      }
      const { done, failed, errors } = await load(
        folder,
        program,
        "documented",
      );
      assert.equal(failed, 0, JSON.stringify(errors));
      assert.ok(done >= PROCESSES);
    }),
  );
}

for (
  const program of [
    "drizzle_kinds",
    "kysely_kinds",
    "knex_kinds",
    "prisma_kinds",
    "typeorm_kinds",
  ]
) {
  test(
    `${program.replace("_kinds", "")} reads what it has written`,
    { skip: withoutPackages },
    inFolder(async (folder) => {
      copyConsumer("orms", folder);
      await installPackages(folder, [
        ...applicationPackages(),
        prismaPackages(),
      ]);
      if (program === "prisma_kinds") generate(folder);
      const file = join(folder, `${program}.js`);
      const child = new Child([...own.command, file], {}, folder);
      const { code, stderr } = await child.ended;
      assert.equal(code, 0, stderr);
    }),
  );
}

/** Makes Prisma's client, which needs no engine; nor does it look for this. */
function generate(folder: string): void {
  const made = spawnSync(own.command[0] ?? "", [
    ...own.command.slice(1),
    join(folder, "node_modules", "prisma", "build", "index.js"),
    "generate",
  ], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
  });
  assert.equal(made.status, 0, made.stdout + made.stderr);
}
