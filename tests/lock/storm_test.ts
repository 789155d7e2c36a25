import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { scene } from "../fixtures/lock_processes.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const CHURN = fileURLToPath(new URL("fixtures/churn.ts", import.meta.url));

// LITELATCH_KILLS=270 is about a minute of it.
const KILLS = Number(process.env["LITELATCH_KILLS"] ?? 16);

/** What a storm of children has done so far, and what they saw. */
class Storm {
  held = 0;
  readonly errors: string[] = [];
  /** PIDs seen holding beside another, while they lived. */
  readonly intruders: number[] = [];
  readonly #killed = new Set<number>();
  readonly #living = new Map<number, ChildProcess>();
  #started = 0;

  readonly path: string;
  readonly witnesses: string;

  constructor(path: string, witnesses: string) {
    this.path = path;
    this.witnesses = witnesses;
  }

  start(): void {
    const kinds = runtimes();
    const { command } = kinds[this.#started++ % kinds.length]!;
    const words = [...command, CHURN];
    const [program = "", ...rest] = [...words, this.path, this.witnesses];
    const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
    this.#living.set(child.pid!, child);
    child.on("exit", (code) => {
      this.#living.delete(child.pid!);
      // On Windows a kill is an exit code too.
      if (code === null || code === 0 || this.#killed.has(child.pid!)) return;
      this.errors.push(`exit code ${code}`);
    });
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const [word, text] = line.split(/ (.*)/s);
      if (word === "held") this.held++;
      else if (word !== "saw") this.errors.push(line);
      else if (!this.#killed.has(Number(text))) {
        this.intruders.push(Number(text));
      }
    });
  }

  /** Every other time the one that holds, as far as its witness tells. */
  kill(): void {
    const all = [...this.#living.keys()];
    let victim = all[Math.floor(Math.random() * all.length)]!;
    if (Math.random() < 0.5) {
      const holder = readdirSync(this.witnesses)
        .find((name) => name.startsWith("exclusive-"));
      if (holder !== undefined) victim = Number(holder.split("-")[1]);
    }
    const child = this.#living.get(victim);
    if (child === undefined) return;
    this.#killed.add(victim);
    try {
      process.kill(victim, "SIGKILL");
    } catch {
      // It ended just now.
    }
  }

  /** Waits until somebody has held it once more; how long, in ms. */
  async progress(): Promise<number> {
    const before = this.held;
    const start = performance.now();
    while (this.held === before) {
      assert.ok(performance.now() - start < 60_000, "nobody gets the lock");
      await pause(1);
    }
    return performance.now() - start;
  }

  async end(): Promise<void> {
    for (const child of this.#living.values()) child.stdin?.end();
    while (this.#living.size > 0) await pause(5);
  }
}

test("under SIGKILL there are never two holders, and always a next one", () =>
  scene(async ({ folder, target }) => {
    const witnesses = `${folder}/witnesses`;
    mkdirSync(witnesses);
    const storm = new Storm(target, witnesses);
    for (let i = 0; i < 6; i++) storm.start();
    let longest = await storm.progress();
    for (let kills = 0; kills < KILLS; kills++) {
      await pause(50 + Math.random() * 350);
      storm.kill();
      storm.start();
      longest = Math.max(longest, await storm.progress());
    }
    await storm.end();
    assert.deepEqual(storm.errors, []);
    assert.deepEqual(storm.intruders, []);
    if (process.env["LITELATCH_KILLS"] !== undefined) {
      console.log({ held: storm.held, longest: Math.round(longest) });
    }
  }));
