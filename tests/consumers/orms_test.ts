import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { applicationPackages } from "../../scripts/test/packages.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const own = thisRuntime();
const skip = withoutPackages ||
  (!own.id.startsWith("node") && "better-sqlite3 is an add-on of Node");
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
    new Child([
      "env",
      "-C",
      folder,
      ...own.command,
      join(folder, `${program}.js`),
      way,
      String(MS),
    ]));
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

for (const program of ["kysely", "drizzle", "knex", "typeorm"]) {
  test(
    `six processes read and then write with ${program}, and none fails`,
    { skip },
    inFolder(async (folder) => {
      copyConsumer("orms", folder);
      await installPackages(folder, applicationPackages());
      const plain = await load(folder, program, "plain");
      // Else this load would show nothing.
      assert.ok(plain.failed > 0, "the plain way fails at times");
      const { done, failed, errors } = await load(
        folder,
        program,
        "documented",
      );
      assert.equal(failed, 0, JSON.stringify(errors));
      assert.ok(done > PROCESSES);
    }),
  );
}
