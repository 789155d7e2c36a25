/**
 * What is played to see how large the WAL gets: short readers, a reader that
 * does not end, and several writers.
 *
 * @module
 */

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { pause } from "./crew.ts";
import { Program } from "./program.ts";

const PROGRAM = fileURLToPath(new URL("programs/wal.ts", import.meta.url));

/** Bytes that the WAL may keep. */
export const LIMIT = 4 * 1024 * 1024;
/** Between two looks of litelatch at a WAL that nobody writes to. */
export const HEARTBEAT_MS = 500;

/** With autocheckpoint alone, or ours. */
export type WalKind = "raw" | "litelatch";

/** What one playing of a scene came to. */
export interface Played {
  readonly writes: number;
  /** In bytes. */
  readonly peak: number;
  /** In bytes, one heartbeat after the last reader ended. */
  readonly rest: number;
  /** The longest write, in milliseconds. */
  readonly longest: number;
  readonly errors: number;
  readonly warnings: number;
  /** How many of them name the process that keeps the WAL from shrinking. */
  readonly named: number;
}

/** What a writer saw. */
interface Seen {
  writes: number;
  peak: number;
  longest: number;
  errors: number;
  warnings: string[];
}

interface Stage {
  start(role: string, rest?: number): Promise<Program>;
  size(): number;
  readonly seconds: number;
}

/** One writer at full speed, four readers of 15 to 25 ms. */
async function shortReaders(stage: Stage): Promise<Played> {
  const readers = await Promise.all(
    [0, 1, 2, 3].map(() => stage.start("reader")),
  );
  const writer = await stage.start("writer");
  for (const program of [...readers, writer]) program.say("go");
  await pause(stage.seconds * 1000);
  const seen = await stop(writer);
  for (const reader of readers) reader.say("stop");
  await pause(HEARTBEAT_MS + 200);
  return played([seen], stage.size(), []);
}

/** One reader pinned for the whole time, one writer with pauses. */
async function pinnedReader(stage: Stage): Promise<Played> {
  const pin = await stage.start("pin", stage.seconds * 1000);
  const writer = await stage.start("writer", 10);
  pin.say("go");
  await pause(100);
  writer.say("go");
  await pin.line();
  await pause(HEARTBEAT_MS + 200);
  const rest = stage.size();
  return played([await stop(writer)], rest, [pin.pid]);
}

/** Five writers, with a heartbeat each. */
async function fiveWriters(stage: Stage): Promise<Played> {
  const writers = await Promise.all(
    [0, 1, 2, 3, 4].map(() => stage.start("writer", 5)),
  );
  for (const writer of writers) writer.say("go");
  await pause(stage.seconds * 1000);
  const seen: Seen[] = [];
  for (const writer of writers) seen.push(await stop(writer));
  await pause(HEARTBEAT_MS + 200);
  return played(seen, stage.size(), []);
}

/** All scenes, by what a table calls them. */
export const SCENES: Readonly<Record<string, (s: Stage) => Promise<Played>>> = {
  "1 writer, 4 readers of 15–25 ms": shortReaders,
  "1 writer, 1 pinned reader": pinnedReader,
  "5 writers": fiveWriters,
};

/**
 * Plays a scene on a new database.
 *
 * @param runtimes The first one writes; readers are on the others in turn.
 */
export async function play(
  scene: (stage: Stage) => Promise<Played>,
  kind: WalKind,
  runtimes: readonly Runtime[],
  seconds: number,
): Promise<Played> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
  const path = join(folder, "app.db");
  const programs: Program[] = [];
  try {
    const db = open(path);
    db.exec("CREATE TABLE filler (id INTEGER PRIMARY KEY, data BLOB)");
    for (let id = 0; id < 16; id++) {
      db.exec(`INSERT INTO filler VALUES (${id}, randomblob(40000))`);
    }
    db.close();
    return await scene({
      seconds,
      size: () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      async start(role, rest = 0) {
        const turn = role === "writer" ? 0 : programs.length + 1;
        const words = [role, kind, path, LIMIT, HEARTBEAT_MS, rest];
        const program = new Program([
          ...runtimes[turn % runtimes.length]!.command,
          PROGRAM,
          ...words.map(String),
        ]);
        programs.push(program);
        await program.line();
        return program;
      },
    });
  } finally {
    for (const program of programs) program.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function stop(writer: Program): Promise<Seen> {
  writer.say("stop");
  return JSON.parse(await writer.line()) as Seen;
}

function played(all: Seen[], rest: number, pinning: number[]): Played {
  const sum = (of: (seen: Seen) => number) =>
    all.reduce((sum, seen) => sum + of(seen), 0);
  const names = (text: string) =>
    pinning.some((pid) => new RegExp(`\\b${pid}\\b`).test(text));
  return {
    writes: sum((seen) => seen.writes),
    peak: Math.max(...all.map((seen) => seen.peak)),
    rest,
    longest: Math.max(...all.map((seen) => seen.longest)),
    errors: sum((seen) => seen.errors),
    warnings: sum((seen) => seen.warnings.length),
    named: sum((seen) => seen.warnings.filter(names).length),
  };
}
