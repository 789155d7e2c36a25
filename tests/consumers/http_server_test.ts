import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { applicationPackages } from "../../scripts/test/packages.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const own = thisRuntime();
const node = runtimes().find(({ id }) => id === "node");
const MS = Number(process.env["LITELATCH_LOAD_MS"] ?? "3000");

/** What one load generator said. */
interface Said {
  acknowledged: string[];
  refused: string[];
  errors: number;
  latency: { p50: number; p99: number; max: number };
}

/** Four servers under load, some of them killed in the middle. */
async function cluster(
  folder: string,
  program: string,
  kills: number,
): Promise<Said[]> {
  const run = (command: readonly string[], ...args: string[]) =>
    new Child([...command, ...args], {}, folder);
  const begin = (port = "0") => run(own.command, join(folder, program), port);
  const servers = Array.from({ length: 4 }, () => begin());
  const ports: string[] = [];
  for (const server of servers) ports.push(await server.line());
  const loads = ports.map((port) =>
    run(node?.command ?? [], join(folder, "load.js"), port, String(MS))
  );
  for (let kill = 0; kill < kills; kill++) {
    await pause(MS / (kills + 2));
    const place = kill % 4;
    const victim = servers[place] as Child;
    victim.kill("SIGKILL");
    await victim.ended;
    const next = servers[place] = begin(ports[place]);
    await next.line();
  }
  const said: Said[] = [];
  for (
    const { code, stdout, stderr } of await Promise.all(
      loads.map((one) => one.ended),
    )
  ) {
    assert.equal(code, 0, stderr);
    said.push(JSON.parse(stdout) as Said);
  }
  for (const server of servers) {
    server.kill("SIGKILL");
    const { stderr } = await server.ended;
    assert.doesNotMatch(stderr, /Error/);
  }
  return said;
}

test(
  "four servers lose no write that was acknowledged, and refuse none",
  {
    skip: withoutPackages || (node === undefined && "Node is not here") ||
      (own.id === "deno" && "it is for Bun and Node"),
  },
  inFolder(async (folder) => {
    copyConsumer("http_server", folder);
    await installPackages(folder, applicationPackages());
    const path = join(folder, "app.db");
    // Four that switch to WAL at once fail at times, without litelatch.
    query(path, "PRAGMA journal_mode=WAL");
    const perSecond: Record<string, string> = {};
    for (
      const [program, kills] of [["raw_server.js", 0], ["server.js", 0], [
        "server.js",
        6,
      ]] as const
    ) {
      const said = await cluster(folder, program, kills);
      const acknowledged = said.flatMap((one) => one.acknowledged);
      const slowest = Math.max(...said.map(({ latency }) => latency.p99));
      perSecond[`${program}, ${kills} kills`] = `${
        Math.round(acknowledged.length / MS * 1000)
      }/s, p99 ${slowest} ms`;
      if (program === "raw_server.js") continue;
      assert.deepEqual(said.flatMap((one) => one.refused), []);
      const db = open(path, { onWarning: () => {} });
      const rows = db.prepare("SELECT id FROM task").all();
      db.close();
      const found = new Set(rows.map(({ id }) => String(id)));
      assert.equal(query(path, "SELECT count(*) FROM task"), `${found.size}`);
      assert.deepEqual(acknowledged.filter((id) => !found.has(id)), []);
      assert.ok(acknowledged.length > 0);
    }
    console.log(JSON.stringify(perSecond));
  }),
);
