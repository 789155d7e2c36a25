/**
 * The next caller: a process that had nothing to do with what went before, and
 * to whom all must look as if nothing had happened.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Runtime } from "../runtimes/runtimes.ts";
import { Child } from "./children.ts";
import type { Answer } from "./programs/caller.ts";
import type { Stage } from "./storm.ts";

const PATIENCE_MS = 60_000;

const callers = new Map<string, Child>();
// Each answers one question after the other.
const turns = new Map<string, Promise<unknown>>();

/**
 * Lets a process of some runtime take the lock exclusively at once, open the
 * database, write to it, and close it again.
 *
 * @returns What was wrong, one sentence each.
 */
export async function nextCaller(
  stage: Stage,
  target: string,
): Promise<string[]> {
  const runtime = stage.random.pick(stage.runtimes);
  const before = turns.get(runtime.id) ?? Promise.resolve();
  const asked = before.then(() => ask(runtime, target));
  turns.set(runtime.id, asked.catch(() => {}));
  const answer = await asked;
  if (stage.stopped) return [];
  if (answer === null) {
    return [`the next caller, ${runtime.label}, gave no answer`];
  }
  if (!answer.ok) {
    return [`the next caller, ${runtime.label}, fails: ${answer.message}`];
  }
  return litter(target).map((name) => `${name} is left beside the database`);
}

async function ask(runtime: Runtime, target: string): Promise<Answer | null> {
  let caller = callers.get(runtime.id);
  if (caller === undefined || !caller.alive) {
    caller = new Child("caller.ts", { runtime });
    callers.set(runtime.id, caller);
  }
  caller.send(target);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), PATIENCE_MS);
  });
  const line = await Promise.race([caller.line(), late]);
  clearTimeout(timer);
  if (line !== null) return JSON.parse(line) as Answer;
  caller.end();
  return null;
}

/** Names beside the database that are not there for good. */
function litter(target: string): string[] {
  const name = basename(target);
  const own = ["", "-wal", "-shm", ".lock"].map((ending) => name + ending);
  return readdirSync(dirname(target))
    .filter((other) => other.startsWith(name) && !own.includes(other));
}
