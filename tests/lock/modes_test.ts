import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import {
  assertRefused,
  assertWon,
  LockProcess,
  scene,
} from "../fixtures/lock_processes.ts";
import { LIVES, missing, needs, notRoot } from "../fixtures/machine.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();
const shared = { mode: "shared" };

test("shared holders coexist, and an exclusive asker is told all of them", async () => {
  const path = company.newPath();
  const holders = company.members.map(({ child }) => child);
  for (const holder of holders) {
    const app = `app-${holder.pid}`;
    assertWon(await holder.acquire(path, { ...shared, app }));
  }
  const asker = await LockProcess.start(runtimes()[0]!);
  const answer = await asker.acquire(path);
  assertRefused(answer, holders.map((holder) => holder.pid));
  for (const { pid } of holders) {
    assert.match(answer.message!, new RegExp(`PID ${pid} \\(app-${pid},`));
  }
  for (const holder of answer.holders!) {
    assert.equal(holder.mode, "shared");
    assert.equal(holder.alive, LIVES);
  }
  assert.match(answer.message!, /is locked by shared holders:/);
  for (const holder of holders.slice(1)) {
    await holder.ask({ do: "release" });
  }
  assertRefused(await asker.acquire(path), [holders[0]!.pid]);
  await holders[0]!.ask({ do: "release" });
  assertWon(await asker.acquire(path));
  await asker.kill();
});

test("an asker is told who holds it exclusively, and for what", async () => {
  for (const { child: holder, other: asker } of company.pairs()) {
    const path = company.newPath();
    const purpose = "migrate";
    assertWon(await holder.acquire(path, { app: "keeper", purpose }));
    for (const mode of ["shared", "exclusive"]) {
      const answer = await asker.acquire(path, { mode });
      assertRefused(answer, [holder.pid]);
      const named = answer.holders?.[0];
      assert.equal(named?.app, "keeper");
      assert.equal(named?.purpose, "migrate");
      assert.equal(named?.mode, "exclusive");
      assert.equal(named?.alive, LIVES);
      assert.match(named?.command ?? "", /lock_child\.ts/);
      const lines = answer.message?.split("\n") ?? [];
      assert.equal(lines.length, 3, answer.message);
      assert.match(
        lines[0]!,
        /^File "[^"]+" is locked exclusively by PID \d+ /,
      );
      assert.match(
        lines[0]!,
        /\(keeper, .*, parent \d+, since .*Z, "migrate"\)/,
      );
      const asked = `This is PID ${asker.pid} and it asked for a`;
      assert.ok(lines[1]!.startsWith(asked), lines[1]);
      assert.match(lines[1]!, new RegExp(`${mode} lock; waited \\d+ ms\\.$`));
      assert.match(lines[2]!, /wait: ms.*Do not delete target-\d+\.lock\./);
    }
    await holder.ask({ do: "release" });
  }
});

test("a stopped holder holds", { skip: needs("signals") }, async () => {
  for (const { child: holder, other: asker } of company.pairs()) {
    for (const mode of ["shared", "exclusive"]) {
      const path = company.newPath();
      assertWon(await holder.acquire(path, { mode }));
      holder.signal("SIGSTOP");
      assertRefused(await asker.acquire(path), [holder.pid]);
      holder.signal("SIGCONT");
      assert.equal((await holder.ask({ do: "release" })).held, false);
      assertWon(await asker.acquire(path));
      await asker.ask({ do: "release" });
    }
  }
});

test("a killed holder blocks nobody", async () => {
  for (const mode of ["shared", "exclusive"]) {
    await Promise.all(
      company.pairs().map(async ({ kind, other: asker }) => {
        const path = company.newPath();
        const holder = await LockProcess.start(kind);
        assertWon(await holder.acquire(path, { mode }));
        await holder.kill();
        assertWon(await asker.ask({ do: "acquire", as: path, path }));
      }),
    );
  }
});

for (const order of ["acquire", "acquire async"] as const) {
  test(`one that waits gets it when the last lets go (${order})`, async () => {
    const third = await LockProcess.start(runtimes()[0]!);
    const all = company.members.map(({ child }) => child);
    for (const [i, waiter] of all.entries()) {
      const path = company.newPath();
      const holders = [1, 2].map((step) => all[(i + step) % all.length]!);
      for (const holder of holders) {
        assertWon(await holder.acquire(path, shared));
      }
      let given = false;
      const waiting = waiter.ask({
        do: order,
        path,
        options: { wait: 60_000 },
      });
      waiting.then(() => given = true);
      const pids = holders.map((holder) => holder.pid);
      assertRefused(await third.acquire(path), pids);
      await holders[0]!.ask({ do: "release" });
      assertRefused(await third.acquire(path), [holders[1]!.pid]);
      assert.equal(given, false);
      await holders[1]!.ask({ do: "release" });
      assertWon(await waiting);
      await waiter.ask({ do: "release" });
    }
    await third.kill();
  });
}

test("one that waits gets it when the holder is killed", async () => {
  await Promise.all(
    company.pairs().map(async ({ kind, other: waiter }) => {
      const path = company.newPath();
      const holder = await LockProcess.start(kind);
      assertWon(await holder.acquire(path));
      const options = { wait: 60_000 };
      const waiting = waiter.ask({
        do: "acquire async",
        as: path,
        path,
        options,
      });
      await waiter.ask({ do: "open files" });
      await holder.kill();
      assertWon(await waiting);
    }),
  );
});

// Its maker's own group was none of the owner's, who was locked out for ever.
test("a lock file has the group of its target, whoever of that makes it", {
  skip: notRoot() || missing(["setpriv", "--groups", "100", "true"]),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o777);
    writeFileSync(target, "");
    chownSync(target, 1, 100);
    chmodSync(target, 0o660);
    const ids = ["--reuid", "65534", "--regid", "65534", "--groups", "100"];
    const prefix = ["setpriv", ...ids];
    const child = await start(thisRuntime(), { prefix, nobody: "by prefix" });
    assertWon(await child.acquire(target));
    for (const end of [".lock", ".pid"]) {
      const { uid, gid, mode } = statSync(target + end);
      assert.deepEqual([uid, gid, mode & 0o777], [65534, 100, 0o660], end);
    }
  }));

test("before its target is there, a lock is for the group of a setgid folder", {
  skip: notRoot() || missing(["setpriv", "--groups", "100", "true"]),
}, () =>
  scene(async ({ folder, target, start }) => {
    chownSync(folder, 1, 100);
    chmodSync(folder, 0o2770);
    for (const uid of ["65534", "65533"]) {
      const ids = ["--reuid", uid, "--regid", uid, "--groups", "100"];
      const prefix = ["setpriv", ...ids];
      const child = await start(thisRuntime(), { prefix, nobody: "by prefix" });
      assertWon(await child.acquire(target));
      const { gid, mode } = statSync(`${target}.lock`);
      assert.deepEqual([gid, mode & 0o777], [100, 0o660]);
      await child.ask({ do: "release" });
    }
  }));

test("a target that is read-only can be locked again", {
  skip: notRoot(),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o777);
    writeFileSync(target, "");
    chmodSync(target, 0o444);
    const child = await start(thisRuntime(), { nobody: true });
    for (let i = 0; i < 2; i++) {
      assertWon(await child.acquire(target));
      await child.ask({ do: "release" });
    }
  }));

test("a draft of another user in a sticky folder shuts nobody out", {
  skip: notRoot(),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o1777);
    writeFileSync(`${target}.lock`, "");
    chownSync(`${target}.lock`, 1, 1);
    chmodSync(`${target}.lock`, 0o666);
    // What its maker leaves that is killed between link(2) and unlink(2).
    const draft = `${target}.pid-0123456789abcdef.tmp`;
    linkSync(`${target}.lock`, draft);
    const child = await start(thisRuntime(), { nobody: true });
    for (const mode of ["shared", "exclusive"]) {
      assertWon(await child.acquire(target, { mode }));
      await child.ask({ do: "release" });
    }
    linkSync(draft, `${folder}/kept`);
    const answer = await child.acquire(target);
    assert.match(`${answer.message}`, /of 0 bytes with 3 names/);
    assert.equal(existsSync(draft), true);
  }));
