import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { jsrFiles } from "../../scripts/release/jsr.ts";
import { fillFolder } from "../../scripts/release/package.ts";
import { manifest } from "../../scripts/release/ship/manifest.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const deno = runtimes().find(({ id }) => id === "deno")?.command[0];
const options = {
  skip: withoutPackages || (deno === undefined && "Deno is not here"),
};

/** JSR cannot be reached from every machine: the name leads to its files. */
async function prepare(folder: string): Promise<string> {
  copyConsumer("jsr_import", folder);
  const jsr = join(folder, "jsr");
  fillFolder(jsr, await jsrFiles());
  const file = join(folder, "deno.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  const { name, version } = manifest();
  assert.equal(config.imports[name], `jsr:${name}@^${version}`);
  const published = readFileSync(join(jsr, "deno.json"), "utf8");
  const { ".": face } = JSON.parse(published).exports;
  config.imports[name] = pathToFileURL(join(jsr, face)).href;
  writeFileSync(file, JSON.stringify(config));
  const data = join(folder, "data");
  mkdirSync(data);
  return data;
}

function counter(folder: string, data: string, ...mode: string[]): Child {
  return new Child([
    deno ?? "",
    "run",
    "--no-prompt",
    `--config=${join(folder, "deno.json")}`,
    `--allow-read=${data}`,
    `--allow-write=${data}`,
    join(folder, "main.ts"),
    data,
    ...mode,
  ]);
}

test(
  "a Deno program needs no more than the folder of its database",
  options,
  inFolder(async (folder) => {
    const data = await prepare(folder);
    const path = join(data, "starts.db");
    const config = `--config=${join(folder, "deno.json")}`;
    const main = join(folder, "main.ts");
    const check = new Child([deno ?? "", "check", config, main]);
    assert.equal((await check.ended).code, 0, (await check.ended).stderr);
    const all = [1, 2, 3, 4].map(() => counter(folder, data));
    const said: string[] = [];
    for (const { ended } of all) {
      const { code, stdout, stderr } = await ended;
      assert.equal(code, 0, stderr);
      said.push(stdout);
    }
    const starts = ["start 1\n", "start 2\n", "start 3\n", "start 4\n"];
    assert.deepEqual(said.sort(), starts);
    assert.equal(query(path, "SELECT count(*) FROM start"), "4");
    assert.equal(query(path, "PRAGMA integrity_check"), "ok");
    assert.equal(existsSync(`${path}.pid`), false);
  }),
);

test(
  "a Deno program without those rights says so, and asks for no more",
  options,
  inFolder(async (folder) => {
    const data = await prepare(folder);
    const elsewhere = join(folder, "elsewhere");
    mkdirSync(elsewhere);
    const args = [deno ?? "", "run", "--no-prompt", `--allow-read=${data}`];
    const config = `--config=${join(folder, "deno.json")}`;
    const main = join(folder, "main.ts");
    const child = new Child([...args, config, main, elsewhere]);
    const { code, stderr } = await child.ended;
    assert.equal(code, 1);
    assert.match(stderr, /NotCapable|Requires (read|write) access/);
    assert.equal(existsSync(join(elsewhere, "starts.db")), false);
  }),
);

test(
  "a Deno program that is refused says who holds the database",
  options,
  inFolder(async (folder) => {
    const data = await prepare(folder);
    const path = join(data, "starts.db");
    const { open } = await import("../../src/open.ts");
    const db = open(path, { app: "holder" });
    const { code, stderr } = await counter(folder, data, "exclusive").ended;
    db.close();
    assert.equal(code, 75, stderr);
    assert.match(stderr, /is locked shared by PID \d+ \(holder, /);
  }),
);
