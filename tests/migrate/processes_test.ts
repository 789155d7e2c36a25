import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { rounds } from "../database/fixtures/rounds.ts";
import { mixed, start } from "../fixtures/children.ts";
import { inFolder, query, withDatabase } from "../fixtures/folder.ts";
import { KILLED } from "../fixtures/machine.ts";

const MIGRATOR = new URL("fixtures/migrator.ts", import.meta.url);

const ROWS = "SELECT count(*), count(DISTINCT step), ifnull(max(step), 0) " +
  "FROM log";

test(
  "eight processes at once run each step once",
  inFolder(async (folder) => {
    const steps = 6;
    const children = mixed(8)
      .map((runtime) => start(runtime, MIGRATOR, String(steps), "3"));
    for (const child of children) assert.equal(await child.line(), "ready");
    const shares = new Set<string>();
    const count = rounds(10);
    for (let round = 0; round < count; round++) {
      const path = join(folder, `${round}.db`);
      // In every second round others have it open, and read.
      const beside = round % 2 === 1 ? open(path, { heartbeat: 10 }) : null;
      for (const child of children) child.say(path);
      const said = await Promise.all(children.map((child) => child.line()));
      assert.equal(
        said.reduce((sum, ran) => sum + Number(ran), 0),
        steps,
        said.join(" | "),
      );
      assert.equal(query(path, "PRAGMA user_version"), String(steps));
      assert.equal(query(path, ROWS), `${2 * steps}|${steps}|${steps}`);
      assert.equal(
        beside?.prepare("SELECT max(step) AS n FROM log").get()?.["n"] ?? steps,
        steps,
      );
      beside?.close();
      shares.add(said.join());
    }
    console.log(`${count} rounds, shares ${[...shares].join(" ")}`);
  }),
);

test(
  "a step of a process that was killed leaves nothing, and none runs twice",
  withDatabase(async (path) => {
    const runtimes = mixed(4);
    const count = rounds(12);
    let before = 0;
    for (let kill = 0; kill < count; kill++) {
      const runtime = runtimes[kill % runtimes.length];
      assert.ok(runtime !== undefined);
      const child = start(runtime, MIGRATOR, "10000", "8", "tell");
      await child.line();
      child.say(path);
      assert.equal(await child.line(), "begins");
      await new Promise((resolve) => {
        setTimeout(resolve, Math.random() * 60);
      });
      child.kill("SIGKILL");
      const { signal, stderr } = await child.ended;
      assert.equal(signal, KILLED, stderr);
      const version = Number(query(path, "PRAGMA user_version"));
      assert.ok(version >= before);
      before = version;
      if (version === 0) continue;
      assert.equal(query(path, ROWS), `${2 * version}|${version}|${version}`);
    }
    assert.ok(before > 0, "none came to its second step");
    console.log(`${count} kills among ${before} steps`);
  }),
);
