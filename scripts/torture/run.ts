/**
 * Runs storms one after the other, in episodes, and keeps what fails.
 *
 * @module
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "../runtimes/runtimes.ts";
import { endChildren } from "./children.ts";
import { episodeSeed, random } from "./seed.ts";
import { type Count, COUNTS, type Stage, type Storm } from "./storm.ts";

/** One broken promise. */
export interface Breach {
  readonly sentence: string;
  /** Where all that the episode left is kept. */
  readonly folder: string;
  /** What repeats its choices. */
  readonly command: string;
}

/** What came of one storm. */
export interface Result {
  readonly storm: Storm;
  /** Why it was not played, or `null`. */
  skipped: string | null;
  episodes: number;
  seconds: number;
  readonly counts: Record<Count, number>;
  readonly outcomes: Map<string, number>;
  readonly breaches: Breach[];
}

/** How to run. */
export interface Plan {
  readonly storms: readonly Storm[];
  readonly seconds: number;
  readonly seed: number;
  readonly runtimes: readonly Runtime[];
  /** For the episodes; what fails is left in it. */
  readonly folder: string;
  readonly isStopped: () => boolean;
  /** About four times a second, and at the end of each storm. */
  readonly onTick: (result: Result, elapsed: number, over: boolean) => void;
}

// One that fails again and again has said enough.
const MOST_FAILURES = 3;
// There is no time to record every runtime in less than this.
const BRIEF_SECONDS = 60;
// Less than this is no episode.
const LEAST_SECONDS = 1;

/** Runs all of them; each gets its share of what time is left. */
export async function run(plan: Plan): Promise<Result[]> {
  const end = performance.now() + plan.seconds * 1000;
  const results = plan.storms.map((storm): Result => ({
    storm,
    skipped: storm.missing() || null,
    episodes: 0,
    seconds: 0,
    counts: Object.fromEntries(
      COUNTS.map((count) => [count, 0]),
    ) as Record<Count, number>,
    outcomes: new Map(),
    breaches: [],
  }));
  let shares = results.filter(({ skipped }) => skipped === null)
    .reduce((sum, { storm }) => sum + storm.share, 0);
  for (const result of results) {
    if (result.skipped !== null || plan.isStopped()) {
      result.skipped ??= "it was stopped before";
      continue;
    }
    const left = Math.max(end - performance.now(), 0) / 1000;
    const seconds = left * result.storm.share / shares;
    shares -= result.storm.share;
    await runStorm(plan, result, Math.max(seconds, LEAST_SECONDS));
  }
  return results;
}

async function runStorm(
  plan: Plan,
  result: Result,
  seconds: number,
): Promise<void> {
  const start = performance.now();
  const end = start + seconds * 1000;
  const elapsed = () => (performance.now() - start) / 1000;
  const ticks = setInterval(
    () => plan.onTick(result, elapsed(), false),
    250,
  );
  let failures = 0;
  let finished = false;
  do {
    const seed = episodeSeed(plan.seed, result.episodes);
    const deadline = Math.min(
      end,
      performance.now() + result.storm.episode * 1000,
    );
    const folder = join(
      plan.folder,
      `${result.storm.name}-${result.episodes + 1}`,
    );
    mkdirSync(folder);
    const before = result.breaches.length;
    const brief = seconds < BRIEF_SECONDS;
    finished = await playEpisode(plan, result, {
      seed,
      deadline,
      folder,
      brief,
    });
    result.episodes++;
    if (result.breaches.length > before) failures++;
    else rmSync(folder, { recursive: true, force: true });
  } while (
    !finished && !plan.isStopped() && failures < MOST_FAILURES &&
    performance.now() + LEAST_SECONDS * 1000 < end
  );
  clearInterval(ticks);
  result.seconds = elapsed();
  plan.onTick(result, result.seconds, true);
}

/** Whether the storm has nothing left to try. */
async function playEpisode(
  plan: Plan,
  { storm, counts, outcomes, breaches }: Result,
  episode: { seed: number; deadline: number; folder: string; brief: boolean },
): Promise<boolean> {
  const { seed, deadline, folder, brief } = episode;
  let finished = false;
  const sentences: string[] = [];
  const command = `deno task torture --seed ${seed} ${storm.name}`;
  const stage: Stage = {
    folder,
    deadline,
    brief,
    runtimes: plan.runtimes,
    random: random(storm.name, seed),
    count: (what, by = 1) => counts[what] += by,
    outcome(text, by = 1) {
      if (by > 0) outcomes.set(text, (outcomes.get(text) ?? 0) + by);
    },
    finish: () => finished = true,
    fail: (sentence) => {
      if (!plan.isStopped()) sentences.push(sentence);
    },
    get failed() {
      return sentences.length > 0;
    },
    get stopped() {
      return plan.isStopped();
    },
  };
  try {
    await storm.play(stage);
  } catch (error) {
    stage.fail(
      `the storm itself broke down: ${
        error instanceof Error ? error.stack : error
      }`,
    );
    await endChildren();
  }
  if (sentences.length > 0) {
    const text = [...sentences, "", "The same choices once more:", command, ""];
    writeFileSync(join(folder, "what-happened.txt"), text.join("\n"));
  }
  for (const sentence of sentences) {
    breaches.push({ sentence, folder, command });
  }
  return finished;
}
