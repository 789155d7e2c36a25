/**
 * Power cut: what a writer wrote and synced is recorded, cut at random, and
 * brought to a disk on which the rest is there, missing or torn.
 *
 * @module
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nextCaller } from "./caller.ts";
import { Child, type Runnable } from "./children.ts";
import { createDatabase, examine } from "./ledger.ts";
import { lacking, SQLITE3, STRACE } from "./machine.ts";
import { Disk } from "./power/disk.ts";
import { recorder, type Step, stepsIn } from "./power/recording.ts";
import { judgeCut, type Synchronous } from "./power/verdict.ts";
import type { Stage, Storm } from "./storm.ts";

/** Who writes, in the table. */
export const WRITER = "writer";
const COMMITS = 60;
const CUTS = 150;

/** The storm. */
export const power: Storm = {
  name: "power",
  about: "writes and syncs recorded, cut at random, unsynced sectors torn",
  share: 4,
  episode: 30,
  missing: () => lacking(SQLITE3, STRACE),
  play,
};

/** A program's way to the disk. */
export interface Record {
  /** The database before the first step. */
  readonly before: Uint8Array;
  readonly steps: readonly Step[];
}

async function play(stage: Stage): Promise<void> {
  const { random } = stage;
  let number = 0;
  while (performance.now() < stage.deadline && !stage.stopped) {
    const runtime = random.pick(stage.runtimes);
    const synchronous = (["full", "normal"] as const)[number % 2] ??
      "full";
    const folder = join(stage.folder, `record-${number++}`);
    const how = { runtime, synchronous, seed: random.between(0, 2 ** 31) };
    const recorded = await record(folder, how);
    if (stage.stopped) return;
    if (recorded === null) {
      stage.outcome("not recorded whole");
      continue;
    }
    stage.count(
      "commits",
      recorded.steps.filter((step) => step.do === "ack").length,
    );
    await cutOften(stage, folder, recorded, how);
    if (stage.failed) return;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the writer under strace; `null` if it was ended, or not seen whole. */
export async function record(
  folder: string,
  how: { runtime: Runnable; synchronous: Synchronous; seed: number },
): Promise<Record | null> {
  const place = join(folder, "place");
  mkdirSync(place, { recursive: true });
  const target = join(place, "app.db");
  const log = join(folder, "log");
  const output = join(folder, "strace");
  createDatabase(target);
  const before = new Uint8Array(readFileSync(target));
  const { runtime, seed, synchronous } = how;
  const child = new Child(
    "power_writer.ts",
    { runtime, prefix: recorder(target, log, output) },
    ...[target, log, WRITER, String(seed), synchronous, String(COMMITS)],
  );
  const { code, signal, stderr } = await child.ended;
  if (signal === "SIGKILL") return null;
  if (code !== 0) throw new Error(`Cannot record ${runtime.label}: ${stderr}`);
  // strace lets go of a thread now and then, and what it did next is unknown.
  const isWhole = !readFileSync(output, "utf8").includes("<detached ...>");
  return isWhole ? { before, steps: stepsIn(output, target, log) } : null;
}

async function cutOften(
  stage: Stage,
  folder: string,
  { before, steps }: Record,
  { runtime, synchronous }: { runtime: Runnable; synchronous: Synchronous },
): Promise<void> {
  const { random } = stage;
  const moments = Array.from(
    { length: CUTS },
    () => random.between(0, steps.length),
  ).sort((a, b) => a - b);
  const disk = new Disk(before);
  let [taken, acknowledged] = [0, 0];
  for (const [number, moment] of moments.entries()) {
    if (performance.now() > stage.deadline || stage.stopped) return;
    for (; taken < moment; taken++) {
      const step = steps[taken] as Step;
      if (step.do === "ack") acknowledged = step.n;
      disk.take(step);
    }
    const target = join(folder, `cut-${number}`, "app.db");
    lay(target, disk.cut(random));
    stage.count("faults");
    // What SQLite's recovery makes of it, or ours, which is the same library
    // in another version.
    const trouble = number % 4 === 0 ? await nextCaller(stage, target) : [];
    const found = examine(target);
    const verdict = judgeCut(found, WRITER, acknowledged, synchronous);
    stage.count("lost commits", verdict.lost);
    stage.outcome(`cut, synchronous = ${synchronous}`);
    stage.outcome("commits gone that NORMAL may lose", verdict.forgone);
    const breaches = [...trouble, ...verdict.breaches];
    for (const breach of breaches) {
      stage.fail(
        `${runtime.label}, ${synchronous}, cut before step ${moment} of ` +
          `${steps.length}: ${breach}`,
      );
    }
    if (breaches.length > 0) return;
    rmSync(join(target, ".."), { recursive: true, force: true });
  }
}

/** Puts the files down as the next start finds them. */
export function lay(
  target: string,
  files: ReadonlyMap<string, Uint8Array>,
): void {
  mkdirSync(join(target, ".."), { recursive: true });
  for (const [name, bytes] of files) {
    writeFileSync(name === "db" ? target : `${target}-${name}`, bytes);
  }
}
