import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Child, start } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const STRIP_TYPES = new URL("fixtures/strip_types.ts", import.meta.url);
const node24 = runtimes().find(({ id }) => id === "node");
const withoutNode24 = node24 === undefined ? "Node 24 is not here" : false;

const PROGRAM = `
import { open } from "./mod.mjs";
const db = open(process.argv[2], { app: "hook" });
db.exec("CREATE TABLE IF NOT EXISTS t (a)");
db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(1));
db.close();
console.log("done");
`;

/** Writes the library as JavaScript, and a program that uses it. */
async function publish(folder: string): Promise<string> {
  assert.ok(node24 !== undefined);
  const { code, stderr } = await start(node24, STRIP_TYPES, folder).ended;
  assert.equal(code, 0, stderr);
  const program = join(folder, "hook.mjs");
  writeFileSync(program, PROGRAM);
  return program;
}

/** A binary without flags; Deno needs some to do anything at all. */
function bare({ id, command }: ReturnType<typeof runtimes>[number]): string[] {
  return id === "deno" ? [...command] : [command[0] as string];
}

for (const runtime of runtimes()) {
  test(
    `the terminal of a hook on ${runtime.label} stays clean`,
    { skip: withoutNode24 },
    inFolder(async (folder) => {
      const program = await publish(folder);
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

// The machine's own Node, which may be one that the library does not support.
const old = ["/usr/bin/node", "/usr/local/bin/node"].find((node) => {
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(stdout ?? "")?.[1]) < 22;
});

test(
  "a Node that is too old gets one clear error, and nothing is made",
  {
    skip: old === undefined ? "no Node before 22 is installed" : withoutNode24,
  },
  inFolder(async (folder) => {
    const program = await publish(folder);
    const path = join(folder, "app.db");
    const child = new Child([old as string, program, path]);
    const { code, stderr } = await child.ended;
    assert.equal(code, 1);
    assert.match(stderr, /UnsupportedError: Cannot use litelatch on Node \d/);
    assert.match(stderr, /it needs Node 22\.16/);
    assert.ok(!existsSync(path) && !existsSync(`${path}.lock`));
  }),
);
