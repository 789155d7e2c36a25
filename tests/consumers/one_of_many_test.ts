import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { rounds } from "../database/fixtures/rounds.ts";
import { Child } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { type TestRuntime, thisAndNext } from "../fixtures/runtimes.ts";
import { pause, until } from "../fixtures/until.ts";

test(
  "one of five servers does the work, and another one when it dies",
  { skip: withoutPackages },
  inFolder(async (folder) => {
    copyConsumer("one_of_many", folder);
    await installPackages(folder);
    const [own, next] = thisAndNext();
    const begin = (runtime: TestRuntime) =>
      new Child(
        [...runtime.command, join(folder, "server.js")],
        {},
        folder,
      );
    const servers = [own, next, own, next, own].map(begin);
    const works = () =>
      servers.filter(({ lines, pid }) => lines.includes(`${pid} works`));
    for (const server of servers) {
      assert.equal(await server.line(), `${server.pid} serves`);
    }
    const took: number[] = [];
    let living = servers.length;
    for (let kill = 0; kill < rounds(4) && living > 1; kill++, living--) {
      await until("one works", () => works().length === kill + 1);
      // Whoever else believed that it may would have said so by now.
      await pause(200);
      const [leader, ...more] = works().slice(kill);
      assert.ok(leader !== undefined && more.length === 0);
      leader.kill("SIGKILL");
      const died = Date.now();
      // A server that was killed stays in the list with what it said.
      await until("another one works", () => works().length === kill + 2, 1);
      took.push(Date.now() - died);
      const place = servers.indexOf(leader);
      servers.splice(place, 1);
      servers.unshift(leader);
    }
    console.log(`taken over after ${took.join(", ")} ms`);
  }),
);
