import assert from "node:assert/strict";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertWon, scene } from "../fixtures/lock_processes.ts";
import { needs, notRoot } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const PRIVATE = ["sh", "-c", 'umask 077 && exec "$@"', "sh"];

test("whatever the umask, a PID of ours has the rights of what is locked", {
  skip: needs("modes"),
}, () =>
  scene(async ({ folder, target, start }) => {
    const path = join(folder, "old.pid");
    writeFileSync(target, "");
    chmodSync(target, 0o664);
    const how = { mode: "shared", legacy: [path] };
    const [first, second] = [
      await start(thisRuntime(), { prefix: PRIVATE }),
      await start(thisRuntime(), { prefix: PRIVATE }),
    ];
    // The one that it makes, and the one that it puts in the place of that.
    assertWon(await first.acquire(target, how));
    assert.equal(statSync(path).mode & 0o777, 0o664);
    assertWon(await second.acquire(target, how));
    await first.ask({ do: "release" });
    assert.equal(statSync(path).mode & 0o777, 0o664);
  }));

test("who holds the lock under umask 077 shuts no other user out", {
  skip: notRoot(),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o777);
    writeFileSync(target, "");
    chmodSync(target, 0o666);
    const how = { mode: "shared", legacy: [join(folder, "old.pid")] };
    const holder = await start(thisRuntime(), { prefix: PRIVATE });
    assertWon(await holder.acquire(target, how));
    const nobody = await start(thisRuntime(), { nobody: true });
    assertWon(await nobody.acquire(target, how));
  }));
