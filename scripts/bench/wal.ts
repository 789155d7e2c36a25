/**
 * Measures how large the WAL gets, and what keeping it small costs the
 * writers: `deno run -A scripts/bench/wal.ts [seconds]`.
 *
 * @module
 */

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import { pinnedRuntime, type Runtime } from "../runtimes.ts";
import { Program } from "./program.ts";

const PROGRAM = fileURLToPath(new URL("programs/wal.ts", import.meta.url));
const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;
const HEARTBEAT_MS = 500;
const SECONDS = Number(process.argv[2] ?? 10);
// SQLite 3.49 of Node 22.16 gets no checkpoints of ours.
const RUNTIMES = ["deno", "bun", "node"];

/** What a writer saw. */
interface Seen {
  writes: number;
  peak: number;
  longest: number;
  errors: number;
  warnings: string[];
}

const rows: string[][] = [];
let missed = 0;

function judge(reached: boolean): string {
  if (!reached) missed++;
  return reached ? "reached" : "MISSED";
}

/** Gives `body` a new database, and a way to start programs on it. */
async function onDatabase<T>(
  runtime: Runtime,
  kind: string,
  body: (
    start: (role: string, rest?: number) => Promise<Program>,
    size: () => number,
  ) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-wal-"));
  const path = join(folder, "app.db");
  const programs: Program[] = [];
  try {
    const db = open(path);
    db.exec("CREATE TABLE filler (id INTEGER PRIMARY KEY, data BLOB)");
    for (let id = 0; id < 16; id++) {
      db.exec(`INSERT INTO filler VALUES (${id}, randomblob(40000))`);
    }
    db.close();
    return await body(
      async (role, rest = 0) => {
        const program = new Program([
          ...runtime.command,
          PROGRAM,
          role,
          kind,
          path,
          String(LIMIT),
          String(HEARTBEAT_MS),
          String(rest),
        ]);
        programs.push(program);
        await program.line();
        return program;
      },
      () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    );
  } finally {
    for (const program of programs) program.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One writer at full speed, four readers of 15 to 25 ms. */
async function shortReaders(runtime: Runtime, kind: string): Promise<void> {
  await onDatabase(runtime, kind, async (start, size) => {
    const readers = await Promise.all([0, 1, 2, 3].map(() => start("reader")));
    const writer = await start("writer");
    for (const program of [...readers, writer]) program.say("go");
    await pause(SECONDS * 1000);
    writer.say("stop");
    const seen = JSON.parse(await writer.line()) as Seen;
    for (const reader of readers) reader.say("stop");
    await pause(HEARTBEAT_MS + 200);
    const rest = size();
    const ours = kind === "litelatch";
    rows.push([
      runtime.label,
      "1 writer, 4 readers of 15–25 ms",
      kind,
      String(seen.writes),
      `${(seen.peak / LIMIT).toFixed(1)} ×`,
      `${(rest / LIMIT).toFixed(1)} ×`,
      seen.longest.toFixed(0),
      "",
      ours
        ? judge(
          seen.peak <= 3.5 * LIMIT && rest <= LIMIT && seen.longest < 200 &&
            seen.errors === 0,
        )
        : "",
    ]);
  });
}

/** One reader pinned for the whole time, one writer with pauses. */
async function pinnedReader(runtime: Runtime, kind: string): Promise<void> {
  await onDatabase(runtime, kind, async (start, size) => {
    const pin = await start("pin", 2 * SECONDS * 1000);
    const writer = await start("writer", 20);
    pin.say("go");
    await pause(100);
    writer.say("go");
    await pin.line();
    await pause(HEARTBEAT_MS + 200);
    const rest = size();
    writer.say("stop");
    const seen = JSON.parse(await writer.line()) as Seen;
    const named = seen.warnings.filter((text) => text.includes(`${pin.pid}`));
    rows.push([
      runtime.label,
      `a reader pinned for ${2 * SECONDS} s`,
      kind,
      String(seen.writes),
      `${(seen.peak / LIMIT).toFixed(1)} ×`,
      `${(rest / LIMIT).toFixed(1)} ×`,
      seen.longest.toFixed(0),
      `${seen.warnings.length}, ${named.length} with its PID`,
      kind === "litelatch"
        ? judge(
          seen.warnings.length === 1 && named.length === 1 && rest <= LIMIT,
        )
        : "",
    ]);
  });
}

/** Five writers with heartbeats of 200 ms and more each. */
async function fiveProcesses(runtime: Runtime, kind: string): Promise<void> {
  await onDatabase(runtime, kind, async (start, size) => {
    const writers = await Promise.all(
      [0, 1, 2, 3, 4].map(() => start("writer", 5)),
    );
    for (const writer of writers) writer.say("go");
    await pause(SECONDS * 1000);
    const all: Seen[] = [];
    for (const writer of writers) {
      writer.say("stop");
      all.push(JSON.parse(await writer.line()));
    }
    await pause(HEARTBEAT_MS + 200);
    const longest = Math.max(...all.map((seen) => seen.longest));
    const errors = all.reduce((sum, seen) => sum + seen.errors, 0);
    rows.push([
      runtime.label,
      "5 writers",
      kind,
      String(all.reduce((sum, seen) => sum + seen.writes, 0)),
      `${(Math.max(...all.map((seen) => seen.peak)) / LIMIT).toFixed(1)} ×`,
      `${(size() / LIMIT).toFixed(1)} ×`,
      longest.toFixed(0),
      `${errors} errors`,
      kind === "litelatch" ? judge(longest < 300 && errors === 0) : "",
    ]);
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

for (const id of RUNTIMES) {
  const runtime = pinnedRuntime(id);
  for (const measure of [shortReaders, pinnedReader, fiveProcesses]) {
    for (const kind of ["raw", "litelatch"]) {
      console.error(`${runtime.label}: ${measure.name}, ${kind} …`);
      await measure(runtime, kind);
    }
  }
}

console.log(`
# How large the WAL gets

Limit ${LIMIT / MIB} MiB, heartbeat ${HEARTBEAT_MS} ms, ${SECONDS} s each, every
commit 40 KB, no pause between the writes of the first. Raw is autocheckpoint
with the same journal_size_limit. Peak and rest in multiples of the limit; rest
is one heartbeat after the last reader ended. ${cpus().length} cores, load ${
  loadavg()[0]?.toFixed(1)
} at the end: a figure of a busy machine says little.

| runtime | what | kind | writes | peak | rest | longest write, ms | told | target |
|---|---|---|--:|--:|--:|--:|---|---|
${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}

Targets: peak at most 3.5 ×, rest at most 1 ×, longest write under 200 ms; one
warning with the PID of the pinned reader and back at the limit after its end;
five processes without an error and no write longer than 300 ms.
`);
process.exit(missed === 0 ? 0 : 1);
