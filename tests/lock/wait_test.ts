import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { acquireLockAsync } from "../../mod.ts";
import { openPaths } from "../../src/os/procfs.ts";
import {
  assertRefused,
  assertWon,
  LockProcess,
} from "../fixtures/lock_processes.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();

test("an abort ends the wait with its reason, and leaves nothing open", {
  skip: needs("/proc"),
}, async () => {
  for (const { child: waiter, other: holder } of company.pairs()) {
    const path = company.newPath();
    assertWon(await holder.acquire(path));
    const options = { wait: 600_000 };
    const waiting = waiter.ask({ do: "acquire async", path, options });
    // Its answer says that the order before it has begun.
    const { files } = await waiter.ask({ do: "open files" });
    assert.ok(files?.includes(`${path}.lock`));
    await waiter.ask({ do: "abort" });
    const answer = await waiting;
    assert.equal(answer.ok, false);
    assert.equal(answer.message, "enough waited");
    const later = (await waiter.ask({ do: "open files" })).files;
    assert.deepEqual(later?.filter((name) => name.startsWith(path)), []);
    assertRefused(await waiter.acquire(path), [holder.pid]);
  }
});

/** How often this process has the lock file open. */
function lockFilesOf(path: string): number {
  const open = openPaths("self") ?? [];
  return open.filter((name) => name === `${path}.lock`).length;
}

/** How often a timer is called while so many wait in this thread. */
async function turnsBeside(waiters: number, path: string): Promise<number> {
  assert.equal(lockFilesOf(path), 0);
  const enough = new AbortController();
  const options = { wait: 600_000, signal: enough.signal };
  const waiting = Array.from(
    { length: waiters },
    () => acquireLockAsync(path, options),
  );
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await pause(1500);
  clearInterval(timer);
  assert.equal(lockFilesOf(path), openPaths("self") === null ? 0 : 1);
  enough.abort();
  await Promise.allSettled(waiting);
  return turns;
}

test("twenty that wait leave the event loop what one leaves it", async () => {
  for (const { other: holder } of company.pairs()) {
    const path = company.newPath();
    assertWon(await holder.acquire(path));
    const alone = await turnsBeside(1, path);
    const together = await turnsBeside(20, path);
    assert.ok(together * 4 > alone, `${together} turns, and ${alone} for one`);
  }
});

test("twenty that have waited for long sleep as long as one does", {
  skip: thisRuntime().id !== "deno" && "it is the same on each",
}, async () => {
  const path = company.newPath();
  const [holder] = company.members;
  assertWon(await holder!.child.acquire(path));
  const enough = new AbortController();
  const options = { wait: Infinity, signal: enough.signal };
  const waiting = Array.from(
    { length: 20 },
    () => acquireLockAsync(path, options),
  );
  await pause(10_500);
  const real = globalThis.setTimeout;
  let sleeps = 0;
  const counting = (...how: Parameters<typeof real>) => {
    sleeps++;
    return real(...how);
  };
  globalThis.setTimeout = counting as typeof real;
  const start = performance.now();
  await pause(2000);
  const most = 20 * (performance.now() - start) / 60;
  globalThis.setTimeout = real;
  enough.abort();
  await Promise.allSettled(waiting);
  assert.ok(sleeps > 20 && sleeps < most, `${sleeps} sleeps`);
});

// After ten seconds a sync waiter waits in another way.
test("who has waited for long gets the lock of a holder that is killed", {
  skip: thisRuntime().id !== "deno" && "Deno runs it, with all of them",
}, async () => {
  const holder = await LockProcess.start(thisRuntime());
  const modes = [
    ["exclusive", "exclusive"],
    ["exclusive", "shared"],
    ["shared", "exclusive"],
  ] as const;
  let won = 0;
  const waiting: Promise<void>[] = [];
  for (const [i, { child }] of company.members.entries()) {
    const [held, mode] = modes[i % modes.length]!;
    const path = company.newPath();
    assertWon(await holder.acquire(path, { mode: held }));
    const asked = child.acquire(path, { mode, wait: 600_000 });
    waiting.push(asked.then((answer) => {
      assertWon(answer);
      won++;
    }));
  }
  await pause(11_000);
  assert.equal(won, 0);
  await holder.kill();
  await Promise.all(waiting);
});

// What waits in another way has to ask in this one at its end.
test("who has waited for long asks once more before it is refused", {
  skip: needs("/proc") ||
    thisRuntime().id !== "deno" && "Deno runs it, with all of them",
}, async () => {
  const holder = await LockProcess.start(thisRuntime());
  const waiting = company.members.map(async ({ child }, i) => {
    const path = company.newPath();
    assertWon(await holder.acquire(path));
    // Of who left no record the kernel's list is asked for most of a second.
    rmSync(`${path}.pid`);
    const mode = i % 2 === 0 ? "exclusive" : "shared";
    return await child.acquire(path, { mode, wait: 10_100 });
  });
  await pause(10_500);
  await holder.kill();
  for (const answer of await Promise.all(waiting)) {
    if (answer.name === "LockedError") assertRefused(answer, [holder.pid]);
    else assertWon(answer);
  }
  for (const { child } of company.members) await child.ask({ do: "release" });
});

test("a wait that was in vain says how long it was", async () => {
  for (const { child: waiter, other: holder } of company.pairs()) {
    const path = company.newPath();
    assertWon(await holder.acquire(path));
    for (const order of ["acquire", "acquire async"] as const) {
      const answer = await waiter.ask({
        do: order,
        path,
        options: { wait: 40 },
      });
      assertRefused(answer, [holder.pid]);
      const waited = /waited (\d+) ms/.exec(answer.message ?? "")?.[1];
      assert.ok(Number(waited) >= 40, answer.message);
    }
  }
});

for (const mode of ["shared", "exclusive"]) {
  test(`two waits of one process are one ${mode} lock`, async () => {
    for (const { child: twice, other } of company.pairs()) {
      const path = company.newPath();
      assertWon(await other.acquire(path));
      const options = { mode, wait: 60_000 };
      const both = ["one", "two"].map((as) =>
        twice.ask({ do: "acquire async", path, as, options })
      );
      await twice.ask({ do: "open files" });
      await other.ask({ do: "release" });
      for (const answer of await Promise.all(both)) assertWon(answer);
      await twice.ask({ do: "release", as: "one" });
      assertRefused(await other.acquire(path), [twice.pid]);
      await twice.ask({ do: "release", as: "two" });
      assertWon(await other.acquire(path));
    }
  });
}

test("a wrong option is refused with those that there are", async () => {
  const wrong: [object, RegExp][] = [
    [{ wiat: 5 }, /there is no option "wiat", known are app, purpose, wait, /],
    [
      { mode: "exklusive" },
      /"mode" must be "shared" or "exclusive", got "ex/,
    ],
    [{ wait: -1 }, /"wait" must be a number of milliseconds, 0 or more, got/],
    [{ wait: "5" }, /"wait" must be a number of milliseconds.* got "5"/],
    [{ app: 7 }, /"app" must be a string, got 7/],
    [{ lock: "shared" }, /there is no option "lock"/],
  ];
  for (const { child } of company.members) {
    const path = company.newPath();
    for (const [options, words] of wrong) {
      for (const order of ["acquire", "acquire async"] as const) {
        const answer = await child.ask({ do: order, path, options });
        assert.equal(answer.name, "TypeError");
        assert.match(answer.message ?? "", words);
      }
    }
    assertWon(await child.acquire(path));
    await child.ask({ do: "release" });
  }
});
