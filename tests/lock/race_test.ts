import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  assertRefused,
  assertWon,
  type LockProcess,
  scene,
} from "../fixtures/lock_processes.ts";
import { runtimes } from "../fixtures/runtimes.ts";

// LITELATCH_ROUNDS=100 for a long look.
const ROUNDS = Number(process.env["LITELATCH_ROUNDS"] ?? 8);

/** All ask at one instant; who won. Everybody else must name the winner. */
async function race(all: LockProcess[], path: string): Promise<LockProcess> {
  const at = Date.now() + 25;
  const answers = await Promise.all(
    all.map((child) => child.ask({ do: "acquire", path, at })),
  );
  const winners = all.filter((_, i) => answers[i]?.ok);
  assert.equal(
    winners.length,
    1,
    answers.map((answer) => answer.message ?? "won").join("\n"),
  );
  const winner = winners[0] as LockProcess;
  for (const answer of answers) {
    if (!answer.ok) assertRefused(answer, [winner.pid]);
  }
  return winner;
}

test("of eight contenders for a lock that nobody ever had, one wins", () =>
  scene(async ({ folder, start }) => {
    const kinds = runtimes();
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, i) => start(kinds[i % kinds.length]!)),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const path = `${folder}/cold-${round}`;
      const winner = await race(all, path);
      await winner.ask({ do: "release" });
      for (const name of ["lock", "pid"]) {
        rmSync(`${path}.${name}`, { force: true });
      }
    }
  }));

test("of eight contenders for a dead holder's lock, one wins", () =>
  scene(async ({ target, start }) => {
    const kinds = runtimes();
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, i) => start(kinds[i % kinds.length]!)),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const holder = await start(kinds[round % kinds.length]!);
      assertWon(await holder.acquire(target));
      await holder.kill();
      const winner = await race(all, target);
      await winner.ask({ do: "release" });
    }
  }));
