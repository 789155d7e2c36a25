import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  assertRefused,
  assertWon,
  fixture,
  type Scene,
  scene,
  type Start,
} from "../fixtures/lock_processes.ts";
import { inContainer, missing, needs, notRoot } from "../fixtures/machine.ts";
import {
  runtimes,
  type TestRuntime,
  thisAndNext,
  thisRuntime,
} from "../fixtures/runtimes.ts";

const LEAVE = fileURLToPath(new URL("fixtures/leave.ts", import.meta.url));
const deno = runtimes().find(({ id }) => id === "deno");
const noDeno = deno === undefined && "there is no Deno here";
const sources = fixture("../..");

/** Deno with the rights that the README asks for, and no question asked. */
function narrow(folder: string): string[] {
  return [
    deno!.command[0]!,
    "run",
    "--no-prompt",
    `--allow-read=${folder},${sources}`,
    `--allow-write=${folder}`,
  ];
}

/** What fifty holders leave: one that was killed, and its record 49 times. */
async function pileUp(
  { folder, target, start }: Scene,
  kind: TestRuntime,
  how: Start,
): Promise<void> {
  const holder = await start(kind, how);
  assertWon(await holder.acquire(target, { mode: "shared" }));
  await holder.kill();
  const [name = "", ...more] = records(folder);
  assert.deepEqual(more, []);
  const text = readFileSync(`${folder}/${name}`, "utf8");
  const id = name.slice("app.pid-".length);
  for (let i = 10; i < 59; i++) {
    const other = `${i}${id.slice(2)}`;
    writeFileSync(`${target}.pid-${other}`, text.replaceAll(id, other));
  }
  assert.ok(records(folder).length >= 49);
}

function records(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith("app.pid"));
}

for (const mode of ["shared", "exclusive"]) {
  test(`the records of fifty killed holders are cleared (${mode})`, () =>
    scene(async (stage) => {
      const kind = thisRuntime();
      await pileUp(stage, kind, {});
      const child = await stage.start(kind);
      assertWon(await child.acquire(stage.target, { mode }));
      assert.equal(records(stage.folder).length, 1);
    }));

  test(`they are cleared under narrow permissions too (${mode})`, {
    skip: noDeno,
  }, () =>
    scene(async (stage) => {
      const command = narrow(stage.folder);
      await pileUp(stage, deno!, { command });
      const child = await stage.start(deno!, { command });
      assertWon(await child.acquire(stage.target, { mode }));
      assert.equal(records(stage.folder).length, 1);
    }));
}

// A look into a folder of 5,000 files took longer than all else; it is spared where
// nobody can hold an earlier lock file, and only there.
test("in a big folder only a new lock file has the records looked at", (t) =>
  scene(async ({ folder, target, start }) => {
    for (let i = 0; i < 3500; i++) writeFileSync(`${folder}/file${i}`, "");
    // The size of a folder says nothing on every filesystem.
    if (statSync(folder).size < 65_536) return t.skip("it is not big here");
    const [kind, next] = thisAndNext();
    const [one, two] = [await start(kind), await start(next)];
    assertWon(await one.acquire(target));
    await one.ask({ do: "release" });
    const killed = await start(kind);
    assertWon(await killed.acquire(target, { mode: "shared" }));
    await killed.kill();
    const [litter] = records(folder);
    assertWon(await two.acquire(target));
    assert.ok(records(folder).includes(litter!), "there was a look");
    await two.ask({ do: "release" });
    assertWon(await one.acquire(target, { mode: "shared" }));
    rmSync(`${target}.lock`);
    assertRefused(await two.acquire(target), [one.pid]);
    await one.ask({ do: "release" });
    assertWon(await two.acquire(target));
    assert.deepEqual(records(folder), ["app.pid"]);
  }));

test("a pile keeps nobody out who may only read the lock file", {
  skip: notRoot(),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o777);
    writeFileSync(`${target}.lock`, "", { mode: 0o644 });
    for (let i = 10; i < 30; i++) {
      writeFileSync(`${target}.pid-0123456789abcd${i}`, "of another boot\n");
    }
    const child = await start(thisRuntime(), { nobody: true });
    assertWon(await child.acquire(target, { mode: "shared" }));
    assert.equal(records(folder).length, 21);
  }));

test(
  "Deno locks with nothing but read and write",
  { skip: noDeno },
  () =>
    scene(async ({ folder, target, start }) => {
      const command = narrow(folder);
      const [one, two] = [
        await start(deno!, { command }),
        await start(deno!, { command }),
      ];
      assertWon(await one.acquire(target, { app: "narrow" }));
      assert.equal(existsSync(`${target}.pid`), true);
      const answer = await two.acquire(target);
      assertRefused(answer, [one.pid]);
      assert.equal(answer.holders?.[0]?.alive, null);
      await one.ask({ do: "release" });
      assert.equal(existsSync(`${target}.pid`), false);
      for (const child of [one, two]) {
        assertWon(await child.acquire(target, { mode: "shared" }));
      }
      const wide = await start(thisRuntime());
      assertRefused(await wide.acquire(target), [one.pid, two.pid]);
      await one.kill();
      // Who cannot look whether a PID is alive says so.
      const three = await start(deno!, { command });
      const doubtful = await three.acquire(target);
      assertRefused(doubtful, [one.pid, two.pid]);
      assert.match(doubtful.message ?? "", /Some of them may have ended/);
      const certain = await wide.acquire(target);
      // Off Linux a PID that does not answer is proof enough, and all there is.
      const exactly = needs("/proc") !== false || inContainer() === false;
      assertRefused(certain, exactly ? [two.pid] : [one.pid, two.pid]);
      assert.equal(/may have ended/.test(certain.message ?? ""), !exactly);
      await two.kill();
      assertWon(await wide.acquire(target));
    }),
);

/** A word of a shell's line: a folder may have a space in its name. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

// The terminal's shell would complain of a locale that is not there.
const PLAIN = { ...process.env, SHELL: "/bin/sh", LC_ALL: "C" };

// Without a permission Deno asks, where it has a terminal; that is no error,
// and a hook would stand still.
test("Deno asks for no further permission in a terminal", {
  skip: noDeno || missing(["script", "-qec", "true", "/dev/null"]),
}, () =>
  scene(({ folder, target }) => {
    const [program, run, , ...rights] = narrow(folder);
    for (const way of ["release", "exit"]) {
      const words = [program!, run!, ...rights, LEAVE];
      const line = [...words, target, way].map(quoted).join(" ");
      const { status, stdout } = spawnSync(
        "script",
        ["-qec", line, "/dev/null"],
        { encoding: "utf8", input: "", timeout: 60_000, env: PLAIN },
      );
      assert.equal(stdout.trim(), "");
      assert.equal(status, way === "exit" ? 3 : 0);
      assert.equal(existsSync(`${target}.pid`), false);
    }
    return Promise.resolve();
  }));
