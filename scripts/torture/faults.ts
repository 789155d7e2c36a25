/**
 * Every fault once: each system call of acquire, open, write, checkpoint and
 * release fails in turn, with each error that a kernel may give.
 *
 * @module
 */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { nextCaller } from "./caller.ts";
import { Child } from "./children.ts";
import { failing, injectedIn } from "./calls.ts";
import { type Case, casesOf, inPasses, leaveCrash, setUp } from "./cases.ts";
import { Judge } from "./judge.ts";
import { compare, examine } from "./ledger.ts";
import { lacking, SQLITE3, STRACE } from "./machine.ts";
import type { Stage, Storm } from "./storm.ts";

// A driver's error too, where Deno's exec() says no more than that.
const CLEAN = /^(LITELATCH_[A-Z_]+|SQLITE_\d+|ERR_SQLITE_ERROR)$/;
const PATIENCE_MS = 120_000;
// So many that fail say more than one, and more than a thousand.
const MOST_FAILURES = 40;

/** The storm. */
export const faults: Storm = {
  name: "faults",
  about: "each system call fails once, with each of seven errors",
  share: 8,
  episode: Infinity,
  missing: () => lacking(SQLITE3, STRACE),
  play,
};

async function play(stage: Stage): Promise<void> {
  await leaveCrash(stage);
  // What takes long to record is left out when there is no time for it.
  const runtimes = stage.brief
    ? stage.random.shuffle(stage.runtimes).slice(0, 2)
    : stage.runtimes;
  const lists = await Promise.all(
    runtimes.map((runtime) => casesOf(stage, runtime)),
  );
  const cases = inPasses(stage, lists.flat());
  let next = 0;
  let failures = 0;
  const lane = async () => {
    while (
      next < cases.length && performance.now() < stage.deadline &&
      failures < MOST_FAILURES && !stage.stopped
    ) {
      const number = next++;
      if (!await playCase(stage, cases[number] as Case, number)) failures++;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const calls = lists.flat().length;
  stage.outcome(`of ${calls} calls failed in some way`, Math.min(next, calls));
  stage.outcome(`of ${cases.length} calls and ways to fail`, next);
  if (next === cases.length) stage.finish();
}

/** Whether all was well. */
async function playCase(
  stage: Stage,
  { runtime, scene, call, error, onwards }: Case,
  number: number,
): Promise<boolean> {
  const { place, target, log } = setUp(stage, `case-${number}`, scene);
  const output = join(place, "strace");
  const prefix = failing(target, output, call, error, onwards);
  const child = new Child("steps.ts", { runtime, prefix }, target, log, "s");
  const ending = await child.endedWithin(PATIENCE_MS);
  child.end();
  if (stage.stopped) return true;
  const injected = injectedIn(output);
  const isOurs = (line: string) => line.includes(place) && !line.includes(log);
  if (!injected.every(isOurs)) {
    // It hit the runtime's own start, or where Node writes once more than it did
    // in the recording, what is said to us; nothing can be learnt from that.
    stage.outcome("missed: another file was hit");
    rmSync(place, { recursive: true, force: true });
    return true;
  }
  if (injected.length > 0) stage.count("faults");
  const what = `${runtime.label}, ${scene}, ${call.name} ${call.number} of ` +
    `${call.among} fails with ${error}${onwards ? " and so on" : ""}: `;
  const breaches: string[] = [];
  if (ending === null) breaches.push("it did not end by itself");
  else if (ending.stderr.includes("unexpected error during closedir")) {
    // std::fs::ReadDir of Rust, which takes no error there but EINTR.
    stage.outcome("Deno itself panics when closing a folder fails");
  } else if (ending.code !== 0) {
    const { code, signal, stderr } = ending;
    breaches.push(`it ended with ${signal ?? code}: ${stderr}`);
  }
  breaches.push(...judge(stage, log, injected.length));
  breaches.push(...await nextCaller(stage, target));
  breaches.push(...compareAll(stage, target, log));
  for (const breach of breaches) stage.fail(what + breach);
  if (breaches.length > 0) {
    writeFileSync(join(place, "command"), child.command.join(" "));
  } else rmSync(place, { recursive: true, force: true });
  return breaches.length === 0;
}

/** What it said, step by step. */
function judge(stage: Stage, log: string, injected: number): string[] {
  const judge = read(log);
  stage.count("acquisitions", judge.acquisitions);
  stage.count("commits", judge.commits);
  stage.count("double holders", judge.doubleHolders);
  const [first] = judge.refusals;
  if (injected === 0) stage.outcome("not reached");
  else if (first === undefined) stage.outcome("success");
  else stage.outcome(`clean error, first ${first.code}`);
  return [
    ...judge.breaches,
    ...judge.refusals
      .filter(({ code }) => !CLEAN.test(code))
      .map(({ code, text }) => `no clean error: ${code} ${text}`),
  ];
}

/** After the next caller, so that its recovery is judged too. */
function compareAll(stage: Stage, target: string, log: string): string[] {
  const { acknowledged, refused } = read(log);
  const { lost, broken, returned } = compare(
    examine(target),
    acknowledged,
    refused,
  );
  stage.count("lost commits", lost.length);
  stage.outcome("refused, yet found in the file", returned);
  return [...lost.map((commit) => `commit ${commit} is lost`), ...broken];
}

function read(log: string): Judge {
  const judge = new Judge();
  for (const line of readFileSync(log, "utf8").split("\n")) {
    if (line !== "") judge.read(line);
  }
  return judge;
}
