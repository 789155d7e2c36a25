import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vendor } from "../../scripts/release/vendor.ts";
import { Child } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const PROGRAM = `
import { open } from "./litelatch.mjs";
const db = open(process.argv[2], { app: "hook" });
db.exec("CREATE TABLE IF NOT EXISTS t (a)");
db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(1));
db.close();
console.log("done");
`;

/** A binary without flags; Deno needs some to do anything at all. */
function bare({ id, command }: ReturnType<typeof runtimes>[number]): string[] {
  return id === "deno" ? [...command] : [command[0] as string];
}

for (const runtime of runtimes()) {
  test(
    `the terminal of a hook on ${runtime.label} stays clean`,
    { skip: withoutPackages },
    inFolder(async (folder) => {
      await vendor(folder);
      const program = join(folder, "hook.mjs");
      writeFileSync(program, PROGRAM);
      const path = join(folder, "app.db");
      const child = new Child([...bare(runtime), program, path]);
      const { code, stdout, stderr } = await child.ended;
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "done\n");
      assert.doesNotMatch(stderr, /xperimental/);
      // The only thing that may be said is what the user has to know.
      const said = stderr.split("\n").filter((line) => {
        return line !== "" && !line.startsWith("(Use `node --trace-warnings");
      });
      assert.ok(said.length <= 1, stderr);
      if (said.length === 1) assert.match(said[0] ?? "", /WAL-reset bug/);
      if (runtime.id === "node22") assert.equal(said.length, 1);
      assert.equal(query(path, "SELECT a FROM t"), "1");
    }),
  );
}
