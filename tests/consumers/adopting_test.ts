import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child } from "../fixtures/children.ts";
import { installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";

const FOLDER = fileURLToPath(new URL("adopting/", import.meta.url));
const SNIPPETS = readdirSync(FOLDER).sort();
const own = thisRuntime();

/** Whether this runtime has the driver of a snippet. */
function runsHere(snippet: string): boolean {
  if (snippet.startsWith("bun_sqlite")) return own.id === "bun";
  if (/^(node_sqlite|pidfile)_before/.test(snippet)) return own.id !== "bun";
  if (/^(proper_lockfile|node_sqlite|pidfile)/.test(snippet)) return true;
  // better-sqlite3 is an add-on of Node.
  return own.id.startsWith("node");
}

for (const snippet of SNIPPETS) {
  test(
    `the snippet ${snippet} of docs/adopting.md does what it says`,
    {
      skip: withoutPackages ||
        (!runsHere(snippet) && "its driver is not in this runtime"),
    },
    inFolder(async (folder) => {
      await installPackages(folder);
      mkdirSync(join(folder, "data"));
      copyFileSync(join(FOLDER, snippet), join(folder, snippet));
      const child = new Child(
        [...own.command, join(folder, snippet)],
        {},
        folder,
      );
      const { code, stdout, stderr } = await child.ended;
      assert.equal(code, 0, stderr);
      if (snippet.startsWith("proper_lockfile")) {
        assert.equal(stdout, "alone in data/\n");
        assert.equal(existsSync(join(folder, "data.lock/")), false);
        return;
      }
      const path = join(folder, "app.db");
      assert.equal(query(path, "SELECT text FROM event"), "started");
      assert.equal(query(path, "PRAGMA journal_mode"), "wal");
    }),
  );
}

test("every snippet is in docs/adopting.md as it is run here, and no other", () => {
  assert.ok(SNIPPETS.length > 10 && runtimes().length > 0);
  const page = new URL("../../docs/adopting.md", import.meta.url);
  const blocks = [
    ...readFileSync(page, "utf8").matchAll(/^```(?:js|ts)\n([^]*?)^```$/gm),
  ].map(([, code]) => code);
  const run = SNIPPETS.map((name) => readFileSync(join(FOLDER, name), "utf8"));
  assert.deepEqual(blocks.sort(), run.sort());
});
