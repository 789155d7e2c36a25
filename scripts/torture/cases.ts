/**
 * All the ways in which a system call of one database may fail, found by
 * recording a program that takes every step once.
 *
 * @module
 */

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "../runtimes/runtimes.ts";
import { type Call, callsIn, recording } from "./calls.ts";
import { Child } from "./children.ts";
import type { Stage } from "./storm.ts";

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
/** One call that fails in one way. */
export interface Case {
  readonly runtime: Runtime;
  /** Nothing is there yet, or what a killed holder left. */
  readonly scene: "fresh" | "crashed";
  readonly call: Call;
  readonly error: string;
  readonly onwards: boolean;
}

/** A folder as a killed holder leaves it, to be copied. */
export async function leaveCrash(stage: Stage): Promise<void> {
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

/** Each call fails in one way before any of them fails in a second one. */
export function inPasses(stage: Stage, calls: Case[][]): Case[] {
  const ways = calls.map((cases) => stage.random.shuffle(cases));
  const most = Math.max(0, ...ways.map((cases) => cases.length));
  return Array.from(
    { length: most },
    (_, pass) =>
      stage.random.shuffle(ways.flatMap((cases) => cases[pass] ?? [])),
  ).flat();
}

/** The ways in which each call of a program may fail. */
export async function casesOf(
  stage: Stage,
  runtime: Runtime,
): Promise<Case[][]> {
  const cases: Case[][] = [];
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
      cases.push([
        ...errors.map((error) => ({ ...how, error, onwards: false })),
        ...lasting.map((error) => ({ ...how, error, onwards: true })),
      ]);
    }
  }
  return cases;
}

/** A folder of its own for one run of the program. */
export function setUp(
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
