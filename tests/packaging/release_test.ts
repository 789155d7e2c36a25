import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fillFolder } from "../../scripts/release/package.ts";
import { manifest } from "../../scripts/release/ship/manifest.ts";
import { PINS } from "../../scripts/runtimes/runtimes.ts";
import { VERSION } from "../../src/cli/version.ts";
import { inFolder } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const read = (path: string) =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const CHECK = fileURLToPath(
  new URL("../../scripts/release/ship/check_tag.ts", import.meta.url),
);
const { version } = manifest();

function checkTag(tag: string): { code: number | null; said: string } {
  const [program = "", ...args] = [...thisRuntime().command, CHECK, tag];
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { code: status, said: stderr };
}

test("a tag is published only if it is the version of deno.json", () => {
  assert.equal(checkTag(`v${version}`).code, 0);
  for (const tag of ["v99.0.0", version, `v${version}-rc.1`, ""]) {
    const { code, said } = checkTag(tag);
    assert.equal(code, 1, tag);
    assert.match(said, new RegExp(`must be "v${version}"`));
  }
});

test(
  "a folder with anything else in it is not emptied for a package",
  inFolder((folder) => {
    const files = new Map([["package.json", "{}"], ["docs/wal.md", ""]]);
    fillFolder(folder, files);
    fillFolder(folder, files);
    const own = join(folder, "mine.ts");
    writeFileSync(own, "");
    assert.throws(() => fillFolder(folder, files), /it holds "mine\.ts"/);
    assert.ok(existsSync(own) && existsSync(join(folder, "docs/wal.md")));
  }),
);

test("the version is the same everywhere", () => {
  assert.equal(VERSION, version);
  assert.match(
    read("CHANGELOG.md"),
    new RegExp(`^## ${version.replaceAll(".", "\\.")}\\b`, "m"),
  );
});

test("the workflows test three systems and every pinned runtime", () => {
  const workflow = read(".github/workflows/test.yml");
  for (const system of ["ubuntu", "macos", "windows"]) {
    assert.match(workflow, new RegExp(`system: \\[.*${system}-latest`));
  }
  const [, ids = ""] = /runtime: \[(.*)\]/.exec(workflow) ?? [];
  const named = ids.replaceAll('"', "").split(/,\s*/).sort();
  assert.deepEqual(named, PINS.map(({ id }) => id).sort());
  const deno = PINS.find(({ id }) => id === "deno")?.version ?? "";
  for (const name of ["test", "publish"]) {
    const text = read(`.github/workflows/${name}.yml`);
    for (const [, used] of text.matchAll(/deno-version: (\S+)/g)) {
      assert.equal(used, deno, name);
    }
    // Least rights: whatever a job needs beyond reading it asks for itself.
    assert.match(text, /^permissions:\n {2}contents: read\n\n/m);
    // A tag can be moved, a commit cannot.
    for (const [, action] of text.matchAll(/uses: ([^.\s].*)/g)) {
      assert.match(action ?? "", /@[0-9a-f]{40} # v\d+/);
    }
  }
});
