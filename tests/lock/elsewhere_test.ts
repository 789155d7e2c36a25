import assert from "node:assert/strict";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  assertRefused,
  assertWon,
  type LockProcess,
  type Scene,
  scene,
} from "../fixtures/lock_processes.ts";
import { runtimes, thisAndNext } from "../fixtures/runtimes.ts";
import { sayingDarwin } from "../fixtures/saying.ts";

// Where there is no /proc: on Windows and macOS. Elsewhere the runtimes only say
// that they are on macOS.

/** A child of this runtime and one of the next, both without /proc. */
function pair({ start }: Scene): Promise<[LockProcess, LockProcess]> {
  const isThere = process.platform !== "linux";
  const [one, other] = thisAndNext().map((runtime) =>
    start(runtime, isThere ? {} : { command: sayingDarwin(runtime) })
  );
  return Promise.all([one!, other!]);
}

test(
  "a lock file deleted under its holder lets nobody else in, without /proc too",
  {
    skip: process.platform === "win32" &&
      "an open file cannot be deleted there",
  },
  () =>
    scene(async (stage) => {
      const { target } = stage;
      const [one, other] = await pair(stage);
      for (const mode of ["exclusive", "shared"]) {
        assertWon(await one.acquire(target, { mode }));
        rmSync(`${target}.lock`);
        const answer = await other.acquire(target);
        assertRefused(answer, [one.pid]);
        assert.match(
          answer.message!,
          /app\.lock was deleted, replaced or read/,
        );
        assert.match(answer.message!, /If it ended, delete app\.pid\*/);
        await one.ask({ do: "release" });
      }
      assertWon(await one.acquire(target));
      rmSync(`${target}.lock`);
      await one.kill();
      assertWon(await other.acquire(target));
    }),
);

test(
  "of two records of an exclusive holder the newer one is true, without /proc",
  () =>
    scene(async (stage) => {
      const { target, folder } = stage;
      const [one, other] = await pair(stage);
      assertWon(await one.acquire(target));
      const old = readFileSync(`${target}.pid`, "utf8");
      await one.ask({ do: "release" });
      for (const mode of ["exclusive", "shared"]) {
        assertWon(await other.acquire(target, { mode }));
        // As where a scanner kept the old record open as it was to go.
        if (mode === "exclusive") {
          renameSync(`${target}.pid`, `${target}.pid-0123456789abcdef`);
        }
        writeFileSync(`${target}.pid`, old);
        assertRefused(await one.acquire(target), [other.pid]);
        await other.ask({ do: "release" });
        for (const name of readdirSync(folder)) {
          if (name.includes(".pid")) rmSync(`${folder}/${name}`);
        }
      }
    }),
);

test(
  "spellings that are one name here are one lock, whatever comes first",
  () =>
    scene(async (stage) => {
      const { target, folder } = stage;
      writeFileSync(`${folder}/case`, "");
      const isOne = existsSync(`${folder}/CASE`);
      const spellings = ["Job", "JOB", "job"].map((name) =>
        `${folder}/${name}`
      );
      const [one, other] = await pair(stage);
      assertWon(await other.acquire(target));
      for (const first of spellings) {
        for (const second of spellings) {
          if (first === second) continue;
          const answer = await one.acquire(first);
          assertWon(answer);
          const again = await one.ask({
            do: "acquire",
            path: second,
            as: "again",
          });
          assertWon(again);
          assert.equal(again.path === answer.path, isOne);
          if (isOne) assertRefused(await other.acquire(second), [one.pid]);
          await one.ask({ do: "release", as: "again" });
          await one.ask({ do: "release" });
          const left = readdirSync(folder).filter((name) =>
            /^job\.pid/i.test(name)
          );
          assert.deepEqual(left, []);
        }
      }
    }),
);

test(
  "a name that Windows takes for another is refused there, in every order",
  { skip: process.platform !== "win32" && "only Windows drops dots" },
  () =>
    scene(async ({ target, start }) => {
      const all = runtimes();
      for (const [i, runtime] of all.entries()) {
        const one = await start(runtime);
        const other = await start(all[(i + 1) % all.length]!);
        for (const end of [".", "...", " ", ". .", "::$DATA", ":stream"]) {
          const early = await one.acquire(target + end);
          assert.equal(early.name, "TypeError", early.message);
          assertWon(await one.acquire(target));
          const late = await other.acquire(target + end);
          assert.equal(late.name, "TypeError", late.message);
          await one.ask({ do: "release" });
        }
      }
    }),
);
