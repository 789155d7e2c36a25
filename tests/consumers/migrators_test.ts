import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  applicationPackages,
  prismaCliPackages,
} from "../../scripts/test/packages.ts";
import { rounds } from "../database/fixtures/rounds.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const own = thisRuntime();
const ALL = "first,first end,second,second end";

/** With better-sqlite3, which is an add-on of Node. */
const addOn = {
  ways: ["plain", "documented"],
  packages: applicationPackages,
  skip: withoutPackages ||
    (!own.id.startsWith("node") && "better-sqlite3 is an add-on of Node"),
};
const PROGRAMS = {
  kysely: addOn,
  drizzle: addOn,
  knex: addOn,
  typeorm: addOn,
  prisma: { ways: ["documented"], packages: () => [], skip: withoutPackages },
  prisma_cli: {
    ways: ["plain", "documented"],
    packages: () => [prismaCliPackages()],
    skip: withoutPackages || withoutCli(),
  },
} as const;

/** It is large and slow, and the test kills it with its whole group. */
function withoutCli(): string | false {
  if (process.env["LITELATCH_ROUNDS"] === undefined) {
    return "the CLI of Prisma is tried with LITELATCH_ROUNDS only";
  }
  return (!own.id.startsWith("node") || !existsSync("/usr/bin/setsid")) &&
    "it needs Node, and setsid";
}

async function migrator(
  folder: string,
  program: string,
  way: string,
  before: readonly string[] = [],
): Promise<Child> {
  const command = [...before, ...own.command, join(folder, `${program}.js`)];
  const child = new Child([...command, way], {}, folder);
  assert.equal(await child.line(), "ready");
  return child;
}

async function end(children: readonly Child[]): Promise<void> {
  for (const child of children) child.end();
  await Promise.all(children.map((child) => child.ended));
}

function notes(path: string): string {
  const tables = query(
    path,
    "SELECT count(*) FROM sqlite_schema WHERE name='note'",
  );
  return tables === "0"
    ? ""
    : query(path, "SELECT group_concat(text) FROM note");
}

/** What Prisma has noted: `1` for a migration that is done, `0` for a half. */
function noted(path: string): string {
  const made = query(
    path,
    "SELECT count(*) FROM sqlite_schema WHERE name='_prisma_migrations'",
  );
  return made === "0" ? "" : query(
    path,
    "SELECT group_concat(finished_at IS NOT NULL, '') " +
      "FROM (SELECT * FROM _prisma_migrations ORDER BY migration_name)",
  );
}

for (const [program, { ways, packages, skip }] of Object.entries(PROGRAMS)) {
  test(
    `eight processes migrate with ${program} at once, one after the other`,
    { skip },
    inFolder(async (folder) => {
      copyConsumer("migrators", folder);
      await installPackages(folder, packages());
      const failed: Record<string, number> = {};
      for (const way of ways) {
        const children = await Promise.all(
          Array.from({ length: 8 }, () => migrator(folder, program, way)),
        );
        const said: string[] = [];
        for (let round = 0; round < rounds(4); round++) {
          const path = join(folder, `${way}${round}.db`);
          for (const child of children) child.say(path);
          for (const child of children) said.push(await child.line());
          if (way === "plain") continue;
          assert.equal(notes(path), ALL);
          if (program.startsWith("prisma")) assert.equal(noted(path), "11");
        }
        const failures = said.filter((line) => line !== "done");
        failed[way] = failures.length;
        if (way === "documented") assert.deepEqual(failures, []);
        await end(children);
      }
      console.log(`${program}: failed ${JSON.stringify(failed)}`);
    }),
  );

  // A half of a step is what Prisma's own leaves: see below.
  if (program === "prisma_cli") continue;

  test(
    `who is killed while it migrates with ${program} leaves no half of a step`,
    { skip },
    inFolder(async (folder) => {
      copyConsumer("migrators", folder);
      await installPackages(folder, packages());
      const heir = await migrator(folder, program, "documented");
      const migrate = async (path: string) => {
        const begun = Date.now();
        heir.say(path);
        assert.equal(await heir.line(), "done");
        assert.equal(notes(path), ALL);
        return Date.now() - begun;
      };
      await migrate(join(folder, "first.db"));
      const takes = await migrate(join(folder, "second.db"));
      const found: Record<string, number> = {};
      for (let round = 0; round < rounds(4); round++) {
        const path = join(folder, `killed${round}.db`);
        const victim = await migrator(folder, program, "documented");
        victim.say(path);
        await pause(Math.random() * takes);
        victim.kill("SIGKILL");
        await victim.ended;
        const left = notes(path);
        found[left] = (found[left] ?? 0) + 1;
        assert.ok(["", "first,first end", ALL].includes(left), left);
        await migrate(path);
      }
      console.log(`${program}: killed, and left ${JSON.stringify(found)}`);
      await end([heir]);
    }),
  );
}

test(
  "a CLI of Prisma's that is killed notes its half step, and runs none twice",
  { skip: PROGRAMS.prisma_cli.skip },
  inFolder(async (folder) => {
    copyConsumer("migrators", folder);
    await installPackages(folder, PROGRAMS.prisma_cli.packages());
    const heir = await migrator(folder, "prisma_cli", "documented");
    const program = await migrator(folder, "prisma", "documented");
    const ask = async (child: Child, path: string) => {
      child.say(path);
      return await child.line();
    };
    const found: Record<string, number> = {};
    for (let round = 0; round < rounds(4); round++) {
      const path = join(folder, `killed${round}.db`);
      const victim = await migrator(folder, "prisma_cli", "documented", [
        "/usr/bin/setsid",
      ]);
      victim.say(path);
      // Most of its time it only starts.
      while (!existsSync(path)) await pause(1);
      await pause(Math.random() * 150);
      // The CLI too, which is a process of its own.
      process.kill(-victim.pid, "SIGKILL");
      await victim.ended;
      const left = `${notes(path)} (${noted(path)})`;
      found[left] = (found[left] ?? 0) + 1;
      if (noted(path).includes("0")) {
        assert.equal(await ask(heir, path), "failed: P3009");
        assert.match(await ask(program, path), /half done/);
        assert.equal(`${notes(path)} (${noted(path)})`, left);
        continue;
      }
      const whole = [" ()", "first,first end (1)", `${ALL} (11)`];
      assert.ok(whole.includes(left), left);
      // The one goes on where the other was.
      const [next, last] = round % 2 === 0 ? [heir, program] : [program, heir];
      assert.equal(await ask(next, path), "done");
      assert.equal(`${notes(path)} (${noted(path)})`, `${ALL} (11)`);
      assert.equal(await ask(last, path), "done");
      assert.equal(`${notes(path)} (${noted(path)})`, `${ALL} (11)`);
    }
    console.log(`prisma_cli: killed, and left ${JSON.stringify(found)}`);
    await end([heir, program]);
  }),
);
