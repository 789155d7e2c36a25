/**
 * `deno task demo`: the storm that hung two shells, played three ways.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { painter } from "../colours.ts";
import { anyRuntime, type Runtime } from "../runtimes/runtimes.ts";
import { HELP, readArguments, type Wishes } from "./arguments.ts";
import { endChildren } from "./children.ts";
import { PATIENCE_MS, PROCESSES } from "./load.ts";
import { meaning } from "./meaning.ts";
import { refuse } from "./refusal.ts";
import { follow, leaveLine } from "./screen.ts";
import { type Outcome, storm, type Way } from "./storm.ts";
import { table } from "./table.ts";
import { wrap } from "./words.ts";

const WAYS: readonly [Way, Way, Way] = [
  {
    id: "hook",
    heading: ["WAL,", "no timeout"],
    file: "raw_writer.ts",
    args: ["0"],
  },
  {
    id: "timeout",
    heading: ["WAL,", "busy_timeout"],
    file: "raw_writer.ts",
    args: [String(PATIENCE_MS)],
  },
  {
    id: "litelatch",
    heading: ["with", "litelatch"],
    file: "litelatch_writer.ts",
    args: [],
  },
];

const paint = painter();

/** Exit codes: 0 done, 1 something failed, 2 not understood, 130 Ctrl-C. */
async function main(): Promise<void> {
  let wishes: Wishes;
  try {
    wishes = readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(messageOf(error));
    process.exit(2);
  }
  if (wishes.help) return console.log(HELP);

  const folder = mkdtempSync(join(tmpdir(), "litelatch-demo-"));
  let stopped = false;
  for (const [signal, number] of [["SIGINT", 2], ["SIGTERM", 15]] as const) {
    process.on(signal, async () => {
      stopped = true;
      try {
        await tidy(folder, wishes.keep);
      } catch (error) {
        console.error(messageOf(error));
      }
      process.exit(128 + number);
    });
  }
  try {
    await play(folder, wishes.rounds);
  } catch (error) {
    // The children that a signal ends are no news; its handler does the rest.
    if (stopped) return;
    leaveLine();
    console.error(messageOf(error));
    process.exitCode = 1;
  }
  await tidy(folder, wishes.keep);
}

async function play(folder: string, rounds: number): Promise<void> {
  const runtimes = ["bun", "deno", "node"].map(anyRuntime);
  console.log(wrap(
    `${PROCESSES} processes, three each on ${labels(runtimes)}, share one ` +
      `agent_channel.db and end at the same moment, ${rounds} times over.`,
  ));
  console.log();
  const outcomes: Outcome[] = [];
  for (const way of WAYS) {
    const database = join(folder, `${way.id}`, "agent_channel.db");
    const follower = follow(way, rounds);
    outcomes.push(
      await storm(way, runtimes, database, rounds, follower.show),
    );
  }
  report(outcomes as [Outcome, Outcome, Outcome]);
  const [bun, deno] = runtimes as [Runtime, Runtime];
  const held = join(folder, WAYS[2].id, "agent_channel.db");
  const { holder, asker, code, message } = await refuse(held, [bun, deno]);
  const scene = `${holder}, holds that database exclusively. ${asker}, opens ` +
    `it, ends with exit code ${code}, and prints:`;
  console.log(`\n${paint(1, wrap(scene))}\n\n${message}`);
}

function report(outcomes: readonly [Outcome, Outcome, Outcome]): void {
  const lines = table(
    outcomes,
    (text, good) => paint(good ? 32 : 31, text),
  );
  console.log(`\n${lines.join("\n")}\n`);
  console.log(wrap(meaning(...outcomes).join(" ")));
  if (outcomes.some(isDamaged)) process.exitCode = 1;
  for (const { warnings } of outcomes) {
    for (const warning of warnings) {
      console.log(`\n${paint(33, wrap(`Warning: ${warning}`))}`);
    }
  }
  for (const { way, stderr } of outcomes) {
    for (const said of stderr) {
      console.log(`\n${way.heading.join(" ")}: stderr of ${said}`);
    }
  }
}

function isDamaged({ found }: Outcome): boolean {
  return found.lost > 0 || found.integrity !== "ok";
}

async function tidy(folder: string, keep: boolean): Promise<void> {
  leaveLine();
  await endChildren();
  if (keep) console.log(`\nThe databases are in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

function labels(runtimes: readonly Runtime[]): string {
  const [first, second, third] = runtimes.map(({ label }) => label);
  return `${first}, ${second} and ${third}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();
