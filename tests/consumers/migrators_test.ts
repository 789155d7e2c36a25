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

const own = thisRuntime();
const skip = withoutPackages ||
  (!own.id.startsWith("node") && "better-sqlite3 is an add-on of Node");

for (const program of ["kysely", "drizzle", "knex"]) {
  test(
    `eight processes migrate with ${program} at once, one after the other`,
    { skip },
    inFolder(async (folder) => {
      copyConsumer("migrators", folder);
      await installPackages(folder, applicationPackages());
      const failed: Record<string, number> = {};
      for (const way of ["plain", "documented"]) {
        const children = Array.from({ length: 8 }, () =>
          new Child([
            "env",
            "-C",
            folder,
            ...own.command,
            join(folder, `${program}.js`),
            way,
          ]));
        for (const child of children) assert.equal(await child.line(), "ready");
        const said: string[] = [];
        for (let round = 0; round < rounds(4); round++) {
          const path = join(folder, `${way}${round}.db`);
          for (const child of children) child.say(path);
          for (const child of children) said.push(await child.line());
          if (way === "plain") continue;
          const notes = query(path, "SELECT group_concat(text) FROM note");
          assert.equal(notes, "first,second");
        }
        failed[way] = said.filter((line) => line !== "done").length;
        if (way === "documented") {
          assert.equal(
            failed[way],
            0,
            said.filter((line) => line !== "done").join("\n"),
          );
        }
        for (const child of children) child.end();
        await Promise.all(children.map((child) => child.ended));
      }
      console.log(`${program}: failed ${JSON.stringify(failed)}`);
    }),
  );
}
