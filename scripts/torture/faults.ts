/**
 * Every fault once: each system call of acquire, open, write, checkpoint and
 * release fails in turn, with each error that a kernel may give.
 *
 * @module
 */

import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Runtime } from "../runtimes.ts";
import { nextCaller } from "./caller.ts";
import { Child } from "./children.ts";
import { type Call, callsIn, failing, injectedIn, recording } from "./calls.ts";
import { Judge } from "./judge.ts";
import { compare, examine } from "./ledger.ts";
import { lacking, SQLITE3, STRACE } from "./machine.ts";
import type { Stage, Storm } from "./storm.ts";

const ERRORS = [
  "ENOSPC",
  "EIO",
  "EACCES",
  "EMFILE",
  "EINTR",
  "ENOLCK",
  "EROFS",
];
// A disk that is full or broken stays so.
const LASTING = ["ENOSPC", "EIO"];
const WRITES = /^(p?write(64)?|f(data)?sync|ftruncate|openat|link(at)?)$/;
// A driver's error too, where Deno's exec() says no more than that.
const CLEAN = /^(LITELATCH_[A-Z_]+|SQLITE_\d+|ERR_SQLITE_ERROR)$/;
const PATIENCE_MS = 30_000;
// So many that fail say more than one, and more than a thousand.
const MOST_FAILURES = 40;

/** One call that fails in one way. */
interface Case {
  readonly runtime: Runtime;
  /** Nothing is there yet, or what a killed holder left. */
  readonly scene: "fresh" | "crashed";
  readonly call: Call;
  readonly error: string;
  readonly onwards: boolean;
}

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
  const cases = stage.random.shuffle(lists.flat());
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
  stage.outcome(`of ${cases.length} cases played`, next);
  if (next === cases.length) stage.finish();
}

/** A folder as a killed holder leaves it, to be copied. */
async function leaveCrash(stage: Stage): Promise<void> {
  const [runtime] = stage.runtimes;
  if (runtime === undefined) return;
  const place = join(stage.folder, "crashed");
  mkdirSync(place);
  const child = new Child(
    "steps.ts",
    { runtime },
    join(place, "app.db"),
    join(place, "log"),
    "before",
    "crash",
  );
  const ending = await child.ended;
  if (ending.signal === "SIGKILL" || stage.stopped) return;
  throw new Error(`Cannot prepare a crash: ${ending.stderr}`);
}

async function casesOf(stage: Stage, runtime: Runtime): Promise<Case[]> {
  const cases: Case[] = [];
  for (const scene of ["fresh", "crashed"] as const) {
    const calls: Call[] = [];
    for (const drafts of [false, true]) {
      if (stage.stopped) return [];
      const name = `record-${runtime.id}-${scene}-${drafts}`;
      const { target, log } = setUp(stage, name, scene);
      const output = join(stage.folder, `${name}.strace`);
      const prefix = recording(target, output, drafts);
      const child = new Child(
        "steps.ts",
        { runtime, prefix },
        target,
        log,
        "r",
      );
      const { code, stderr } = await child.ended;
      if (stage.stopped) return [];
      const found = callsIn(output, drafts);
      if (code !== 0 || found.length === 0) {
        throw new Error(`Cannot record ${name}: ${stderr}`);
      }
      calls.push(...found);
    }
    for (const call of calls) {
      const how = { runtime, scene, call };
      // Nothing else comes from close(2), and Rust's readdir panics at it.
      const errors = call.name === "close" ? ["EINTR", "EIO"] : ERRORS;
      const lasting = WRITES.test(call.name) ? LASTING : [];
      cases.push(
        ...errors.map((error) => ({ ...how, error, onwards: false })),
        ...lasting.map((error) => ({ ...how, error, onwards: true })),
      );
    }
  }
  return cases;
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
  if (!injected.every((line) => line.includes(place))) {
    // It hit the runtime's own start; nothing can be learnt from that.
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

function setUp(
  stage: Stage,
  name: string,
  scene: Case["scene"],
): { place: string; target: string; log: string } {
  const place = join(stage.folder, name);
  mkdirSync(place);
  const log = join(place, "log");
  if (scene === "crashed") {
    cpSync(join(stage.folder, "crashed"), place, { recursive: true });
  } else writeFileSync(log, "");
  return { place, target: join(place, "app.db"), log };
}
