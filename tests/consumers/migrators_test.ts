import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { applicationPackages } from "../../scripts/test/packages.ts";
import { rounds } from "../database/fixtures/rounds.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const own = thisRuntime();
const skip = withoutPackages ||
  (!own.id.startsWith("node") && "better-sqlite3 is an add-on of Node");
const ALL = "first,first end,second,second end";

async function migrator(
  folder: string,
  program: string,
  way: string,
): Promise<Child> {
  const file = join(folder, `${program}.js`);
  const child = new Child([...own.command, file, way], {}, folder);
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

for (const program of ["kysely", "drizzle", "knex", "typeorm"]) {
  test(
    `eight processes migrate with ${program} at once, one after the other`,
    { skip },
    inFolder(async (folder) => {
      copyConsumer("migrators", folder);
      await installPackages(folder, applicationPackages());
      const failed: Record<string, number> = {};
      for (const way of ["plain", "documented"]) {
        const children = await Promise.all(
          Array.from({ length: 8 }, () => migrator(folder, program, way)),
        );
        const said: string[] = [];
        for (let round = 0; round < rounds(4); round++) {
          const path = join(folder, `${way}${round}.db`);
          for (const child of children) child.say(path);
          for (const child of children) said.push(await child.line());
          if (way === "documented") assert.equal(notes(path), ALL);
        }
        const failures = said.filter((line) => line !== "done");
        failed[way] = failures.length;
        if (way === "documented") assert.deepEqual(failures, []);
        await end(children);
      }
      console.log(`${program}: failed ${JSON.stringify(failed)}`);
    }),
  );

  test(
    `who is killed while it migrates with ${program} leaves no half of a step`,
    { skip },
    inFolder(async (folder) => {
      copyConsumer("migrators", folder);
      await installPackages(folder, applicationPackages());
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
