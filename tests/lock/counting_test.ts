import assert from "node:assert/strict";
import { cpSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  type Answer,
  assertRefused,
  assertWon,
  fixture,
  type LockProcess,
} from "../fixtures/lock_processes.ts";
import { needs } from "../fixtures/machine.ts";
import type { TestRuntime } from "../fixtures/runtimes.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();

/** Each runtime as the process that counts, another one asks from outside. */
async function each(
  play: (of: {
    child: LockProcess;
    path: string;
    kind: TestRuntime;
    refusedOutside(options?: object): Promise<void>;
    freeOutside(options?: object): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await Promise.all(
    company.pairs().map(({ kind, child, other }) => {
      const path = company.newPath();
      const ask = (options: object) =>
        other.ask({ do: "acquire", as: path, path, options });
      return play({
        child,
        path,
        kind,
        refusedOutside: async (options = {}) =>
          assertRefused(await ask(options), [child.pid]),
        freeOutside: async (options = {}) => {
          assertWon(await ask(options));
          await other.ask({ do: "release", as: path });
        },
      });
    }),
  );
}

function pidfiles(path: string): string[] {
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(`${basename(path)}.pid`));
}

// Somebody else may have taken the new file.
test("a lock whose file was deleted counts no further handle", {
  skip: needs("unlinking"),
}, () =>
  each(async ({ child, path }) => {
    for (const mode of ["shared", "exclusive"]) {
      const ask = (as: string) =>
        child.ask({ do: "acquire", as, path, options: { mode } });
      assertWon(await ask("a"));
      rmSync(`${path}.lock`);
      const answer = await ask("b");
      assertRefused(answer, [child.pid]);
      assert.match(
        answer.message!,
        /was deleted, replaced or read while it was held/,
      );
      assert.match(answer.message!, /Release the first one/);
      await child.ask({ do: "release", as: "a" });
      assertWon(await ask("b"));
      await child.ask({ do: "release", as: "b" });
    }
  }));

test("handles of one process count together, in whatever order they go", () =>
  each(async ({ child, path, refusedOutside, freeOutside }) => {
    for (const mode of ["shared", "exclusive"]) {
      for (const order of [["a", "b"], ["b", "a"]]) {
        for (const as of ["a", "b"]) {
          const options = { mode };
          assertWon(await child.ask({ do: "acquire", as, path, options }));
        }
        assert.equal(pidfiles(path).length, 1);
        for (const as of order) {
          await refusedOutside();
          const answer = await child.ask({ do: "release", as });
          assert.equal(answer.held, false);
        }
        await freeOutside();
        assert.deepEqual(pidfiles(path), []);
      }
    }
  }));

test("a second release of one handle does not count", () =>
  each(async ({ child, path, refusedOutside, freeOutside }) => {
    for (const as of ["a", "b"]) {
      assertWon(await child.ask({ do: "acquire", as, path }));
    }
    await child.ask({ do: "release", as: "a" });
    await child.ask({ do: "release", as: "a" });
    await refusedOutside();
    await child.ask({ do: "release", as: "b" });
    await freeOutside();
  }));

test("another mode is refused to the process that holds it", () =>
  each(async ({ child, path, freeOutside }) => {
    for (
      const [first, second] of [["shared", "exclusive"], [
        "exclusive",
        "shared",
      ]]
    ) {
      assertWon(await child.acquire(path, { mode: first }));
      const answer = await child.ask(
        { do: "acquire", as: "b", path, options: { mode: second, wait: 5 } },
      );
      assertRefused(answer, [child.pid]);
      assert.match(answer.message!, /which is this process/);
      assert.match(answer.message!, /ask for the same mode/);
      await child.ask({ do: "release" });
      await freeOutside();
    }
  }));

test("two copies of the package in one process count together", () =>
  each(async ({ child, path, kind, refusedOutside, freeOutside }) => {
    const copy = `${company.folder}/copy-${kind.id}`;
    for (const name of ["mod.ts", "src"]) {
      cpSync(fixture(`../../${name}`), `${copy}/${name}`, { recursive: true });
    }
    const module = pathToFileURL(`${copy}/mod.ts`).href;
    for (const mode of ["shared", "exclusive"]) {
      const order = { do: "acquire", path, options: { mode } } as const;
      assertWon(await child.ask({ ...order, as: "ours" }));
      assertWon(await child.ask({ ...order, as: "theirs", module }));
      await child.ask({ do: "release", as: "ours" });
      await refusedOutside();
      await child.ask({ do: "release", as: "theirs" });
      await freeOutside();
    }
  }));

test("a worker shares beside its main thread", () =>
  each(async ({ child, path, refusedOutside, freeOutside }) => {
    const options = { mode: "shared" };
    const order = { do: "acquire", path, options } as const;
    for (const first of [false, true]) {
      assertWon(await child.ask({ ...order, thread: first }));
      assertWon(await child.ask({ ...order, thread: !first }));
      await freeOutside(options);
      // It has two records, and is one holder.
      await refusedOutside();
      await child.ask({ do: "release", thread: first });
      await refusedOutside();
      await child.ask({ do: "release", thread: !first });
      await freeOutside();
    }
  }));

test("an exclusive lock of the main thread is refused to its worker", () =>
  each(async ({ child, path, refusedOutside, freeOutside }) => {
    assertWon(await child.ask({ do: "acquire", path }));
    for (const mode of ["shared", "exclusive"]) {
      const options = { mode };
      const order = { do: "acquire", path, options, thread: true } as const;
      const answer: Answer = await child.ask(order);
      assertRefused(answer, [child.pid]);
      assert.match(answer.message!, /this process, in another thread/);
      assert.match(answer.message!, /Hand the work to the thread/);
    }
    await refusedOutside();
    await child.ask({ do: "release" });
    assert.deepEqual(pidfiles(path), []);
    await freeOutside();
  }));

test("a worker's exclusive lock is refused to its main thread", () =>
  each(async ({ child, path, refusedOutside, freeOutside }) => {
    assertWon(await child.ask({ do: "acquire", path, thread: true }));
    for (const mode of ["shared", "exclusive"]) {
      const answer: Answer = await child.acquire(path, { mode });
      assertRefused(answer, [child.pid]);
      assert.match(answer.message!, /which is this process/);
    }
    await refusedOutside();
    await child.ask({ do: "release", thread: true });
    assertWon(await child.acquire(path));
    await child.ask({ do: "release" });
    await freeOutside();
  }));

test("a worker that ends without a word holds nothing", () =>
  each(async ({ child, path, freeOutside }) => {
    for (const mode of ["shared", "exclusive"]) {
      const order = { do: "acquire", path, options: { mode } } as const;
      assertWon(await child.ask({ ...order, thread: true }));
      await child.ask({ do: "end thread" });
      await freeOutside({ wait: 60_000 });
      assertWon(await child.ask(order));
      await child.ask({ do: "release" });
    }
  }));
