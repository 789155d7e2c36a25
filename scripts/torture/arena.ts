/**
 * Contenders for one database and its lock, and whoever torments them.
 *
 * @module
 */

import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Runtime } from "../runtimes/runtimes.ts";
import { nextCaller } from "./caller.ts";
import { Child, type Launch } from "./children.ts";
import { follow, type Follower } from "./follower.ts";
import { Judge } from "./judge.ts";
import { compare, createDatabase, examine } from "./ledger.ts";
import type { Part } from "./programs/contender.ts";
import type { Stage } from "./storm.ts";

/** Longer than anything takes under strace on a slow machine. */
export const PATIENCE_MS = 60_000;

/** What is particular to one storm. */
export interface Rules {
  /** How many contenders there are at any time. */
  readonly crew: number;
  /** Those of the stage, if not said. */
  readonly runtimes?: readonly Runtime[];
  readonly part?: Partial<Part>;
  /** Where the database is; the folder of the episode if not said. */
  readonly place?: string;
  /** How the next contender is started. */
  launch(runtime: Runtime, number: number): Launch;
  /** Before anybody is started. */
  prepare?(arena: Arena): void;
  /** Does harm once; called until the time is over. */
  torment(arena: Arena): Promise<void>;
  /** Whether such a refusal is no breach; none is, if not said. */
  tolerates?(code: string): boolean;
}

/** A contender and its name in the log. */
export interface Contender {
  readonly id: string;
  readonly child: Child;
}

/** The processes of one episode. */
export class Arena {
  readonly stage: Stage;
  readonly judge = new Judge();
  readonly target: string;
  contenders: Contender[] = [];
  readonly #rules: Rules;
  readonly #log: string;
  readonly #follower: Follower;
  readonly #killed = new Set<string>();
  #launched = 0;
  #seen = { acquisitions: 0, commits: 0, double: 0, breaches: 0 };

  constructor(stage: Stage, rules: Rules) {
    this.stage = stage;
    this.#rules = rules;
    const place = rules.place ?? join(stage.folder, "place");
    mkdirSync(place, { recursive: true });
    this.target = join(place, "app.db");
    createDatabase(this.target);
    this.#log = join(stage.folder, "log");
    writeFileSync(this.#log, "", { mode: 0o666 });
    chmodSync(this.#log, 0o666);
    this.#follower = follow(this.#log, (line) => this.judge.read(line));
  }

  /** Starts one more contender, on the next runtime. */
  launch(): Contender {
    const { random } = this.stage;
    const { runtimes = this.stage.runtimes } = this.#rules;
    const number = this.#launched++;
    const runtime = runtimes[number % runtimes.length] as Runtime;
    const id = `${runtime.id}-${number}`;
    const part: Part = {
      id,
      seed: random.between(0, 2 ** 31),
      log: this.#log,
      target: this.target,
      waitMs: PATIENCE_MS,
      holdMs: 5,
      opens: 0.4,
      shares: 0.3,
      synchronous: random.chance(0.5) ? "full" : "normal",
      ...this.#rules.part,
    };
    const child = new Child(
      "contender.ts",
      this.#rules.launch(runtime, number),
      JSON.stringify(part),
    );
    const contender = { id, child };
    this.contenders.push(contender);
    void child.ended.then(({ code, signal, stderr }) => {
      this.contenders = this.contenders.filter((other) => other !== contender);
      appendFileSync(this.#log, `${id} gone\n`);
      if (code === 0 || this.#killed.has(id) || this.stage.stopped) return;
      this.stage.fail(`${id} ended with ${signal ?? code}: ${stderr}`);
    });
    return contender;
  }

  /** One that holds, as far as the log tells, or any. */
  victim(holders: number): Contender | undefined {
    const { random } = this.stage;
    if (this.contenders.length === 0) return undefined;
    this.read();
    const holding = this.contenders.filter(({ id }) =>
      this.judge.holders.includes(id)
    );
    return holding.length > 0 && random.chance(holders)
      ? random.pick(holding)
      : random.pick(this.contenders);
  }

  /** Kills it, and waits until the kernel has let go of what it had. */
  async kill({ id, child }: Contender): Promise<void> {
    this.#killed.add(id);
    appendFileSync(this.#log, `${id} kill\n`);
    this.stage.count("kills");
    const deadline = performance.now() + PATIENCE_MS;
    do {
      // Not once: what strace starts first is no runtime yet.
      child.signal("SIGKILL");
      if (await child.endedWithin(500) !== null) return;
    } while (performance.now() < deadline && !this.stage.stopped);
    this.stage.fail(`${id} was killed and did not end`);
    child.end();
  }

  /** Takes in what the log has by now. */
  read(): void {
    this.#follower.read();
    const { acquisitions, commits, doubleHolders, breaches } = this.judge;
    const { stage } = this;
    stage.count("acquisitions", acquisitions - this.#seen.acquisitions);
    stage.count("commits", commits - this.#seen.commits);
    stage.count("double holders", doubleHolders - this.#seen.double);
    for (const breach of breaches.slice(this.#seen.breaches)) {
      stage.fail(breach);
    }
    this.#seen = {
      acquisitions,
      commits,
      double: doubleHolders,
      breaches: breaches.length,
    };
  }

  /** Waits until somebody was given the lock since `before`. */
  async progress(before = this.judge.acquisitions): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      this.read();
      if (this.judge.acquisitions > before || this.stage.stopped) return;
      if (performance.now() > deadline) {
        return this.stage.fail(
          `nobody was given the lock for ${PATIENCE_MS / 1000} s`,
        );
      }
      await pause(2);
    }
  }

  /** Lets all of them end by themselves, and looks at what is left. */
  async close(): Promise<void> {
    const crew = [...this.contenders];
    for (const { child } of crew) child.dismiss();
    for (const { id, child } of crew) {
      if (await child.endedWithin(PATIENCE_MS) !== null) continue;
      this.stage.fail(`${id} did not end by itself`);
      child.end();
    }
    await pause(0);
    this.read();
    this.#follower.close();
    if (this.stage.stopped) return;
    this.#compare();
    const trouble = await nextCaller(this.stage, this.target);
    for (const sentence of trouble) this.stage.fail(sentence);
  }

  #compare(): void {
    const { stage, judge } = this;
    const { tolerates = () => false } = this.#rules;
    for (const { id, code, text } of judge.refusals) {
      stage.outcome(`refused with ${code}`);
      if (!tolerates(code)) stage.fail(`${id} was refused: ${code} ${text}`);
    }
    const verdict = compare(
      examine(this.target),
      judge.acknowledged,
      judge.refused,
    );
    stage.count("lost commits", verdict.lost.length);
    if (verdict.lost.length > 0) {
      stage.fail(`acknowledged and lost: ${verdict.lost.join(", ")}`);
    }
    for (const sentence of verdict.broken) stage.fail(sentence);
    stage.outcome("taken over from a killed holder", judge.takeovers);
    stage.outcome("refused, yet found in the file", verdict.returned);
  }
}

/** Plays one episode: a crew at work, harm done to it, and the verdict. */
export async function battle(stage: Stage, rules: Rules): Promise<void> {
  const arena = new Arena(stage, rules);
  rules.prepare?.(arena);
  for (let i = 0; i < rules.crew; i++) arena.launch();
  await arena.progress();
  while (
    performance.now() < stage.deadline && !stage.failed && !stage.stopped
  ) {
    await rules.torment(arena);
    while (arena.contenders.length < rules.crew) arena.launch();
    await arena.progress();
  }
  await arena.close();
}
