import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  assertRefused,
  assertWon,
  fixture,
  scene,
} from "../fixtures/lock_processes.ts";
import { missing, needs, notRoot } from "../fixtures/machine.ts";
import { runtimes, thisAndNext, thisRuntime } from "../fixtures/runtimes.ts";

const INTO = ["unshare", "-pf", "--kill-child", "--mount-proc"];
const deno = runtimes().find(({ id }) => id === "deno");

test("a file with our mark keeps nobody out, whoever has its PID by now", () =>
  scene(async ({ folder, target, start }) => {
    const path = join(folder, "old.pid");
    const stranger = await start(thisRuntime());
    const child = await start(thisRuntime());
    for (const mode of ["exclusive", "shared"]) {
      writeFileSync(path, `${stranger.pid}\n`);
      const refused = await child.acquire(target, { mode, legacy: [path] });
      assertRefused(refused, [stranger.pid]);
      writeFileSync(path, `${stranger.pid}\n\n`);
      assertWon(await child.acquire(target, { mode, legacy: [path] }));
      assert.equal(readFileSync(path, "utf8"), `${child.pid}\n\n`);
      await child.ask({ do: "release" });
      assert.equal(existsSync(path), false);
    }
  }));

test("another process with the path for another lock is kept out", {
  skip: needs("/proc"),
}, () =>
  scene(async ({ folder, target, start }) => {
    const path = join(folder, "old.pid");
    const [kind, next] = thisAndNext();
    const [one, other] = [await start(kind), await start(next)];
    assertWon(await one.acquire(target, { legacy: [path] }));
    const how = { legacy: [path], mode: "shared" };
    assertRefused(await other.acquire(`${target}-2`, how), [one.pid]);
    assert.equal(readFileSync(path, "utf8"), `${one.pid}\n\n`);
    await one.ask({ do: "release" });
    assertWon(await other.acquire(`${target}-2`, how));
  }));

test("who was killed in another PID namespace keeps nobody out", {
  skip: notRoot() || missing([...INTO, "true"]),
}, () =>
  scene(async ({ folder, target, start }) => {
    const path = join(folder, "old.pid");
    const [kind, next] = thisAndNext();
    const outside = await start(next);
    const how = { legacy: [path], wait: 60_000 };
    for (const mode of ["exclusive", "shared"]) {
      const holder = await start(kind, { prefix: INTO });
      assertWon(await holder.acquire(target, { mode, legacy: [path] }));
      // Here it is the PID of another process, which is older than the file.
      assert.equal(readFileSync(path, "utf8").trim(), "1");
      await holder.kill();
      assertWon(await outside.acquire(target, how));
      await outside.ask({ do: "release" });
      assert.equal(existsSync(path), false);
    }
  }));

test("who was killed keeps nobody out that may not ask for processes", {
  skip: deno === undefined && "there is no Deno here",
}, () =>
  scene(async ({ folder, target, start }) => {
    const path = join(folder, "old.pid");
    // The rights that the README asks for, and no question asked.
    const command = [
      deno!.command[0]!,
      "run",
      "--no-prompt",
      `--allow-read=${folder},${fixture("../..")}`,
      `--allow-write=${folder}`,
    ];
    const how = { legacy: [path], wait: 60_000 };
    for (const mode of ["exclusive", "shared"]) {
      const holder = await start(deno!, { command });
      assertWon(await holder.acquire(target, { mode, legacy: [path] }));
      await holder.kill();
      assert.equal(readFileSync(path, "utf8").trim(), `${holder.pid}`);
      const child = await start(deno!, { command });
      assertWon(await child.acquire(target, how));
      await child.ask({ do: "release" });
      assert.equal(existsSync(path), false);
      await child.kill();
    }
  }));
