/**
 * Processes that write to one new database, in one of several ways.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { runCrew } from "./crew.ts";

const PROGRAM = fileURLToPath(new URL("programs/waiter.ts", import.meta.url));

/**
 * How a process waits for its turn. The first four are litelatch: `write()`,
 * `writeAsync()`, the same with a body that awaits, and a `BEGIN IMMEDIATE` as a
 * statement of its handle.
 */
export type Writer =
  | "litelatch"
  | "writeAsync"
  | "async body"
  | "statement"
  | "raw"
  | "better-sqlite3"
  | "backoff";

/** What one process is told. */
export interface WriterTask {
  readonly how: Writer;
  readonly path: string;
  /** The folder with the npm packages. */
  readonly peers: string;
  /** In milliseconds; `null` is one after the other, for `seconds`. */
  readonly arrivals: readonly number[] | null;
  /** Whether all are asked for before the first is awaited. */
  readonly isQueue?: boolean;
  readonly seconds: number;
  readonly holdMs: number;
}

/** One write, in milliseconds: asked for, had the lock, was committed. */
export interface Write {
  readonly at: number;
  readonly got: number;
  readonly end: number;
}

/** What one process came to. */
export interface Written {
  readonly writes: readonly Write[];
  readonly cpuMs: number;
}

/**
 * Runs a process for each task, and counts afterwards what is in the file.
 *
 * @throws {Error} When a row is missing.
 */
export async function runWriters(
  runtimes: readonly Runtime[],
  tasks: readonly Omit<WriterTask, "path">[],
): Promise<Written[]> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
  try {
    const path = join(folder, "app.db");
    const db = open(path);
    db.exec("CREATE TABLE event (pid INTEGER, at REAL)");
    db.close();
    const members = tasks.map((task, i) => ({
      command: [...runtimes[i % runtimes.length]!.command, PROGRAM],
      task: { ...task, path } satisfies WriterTask,
    }));
    const all = await runCrew(folder, members) as Written[];
    const check = open(path);
    const row = check.prepare("SELECT count(*) AS n FROM event").get();
    check.close();
    if (row?.["n"] !== all.flatMap(({ writes }) => writes).length) {
      throw new Error(`${tasks[0]?.how}: writes are missing`);
    }
    return all;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
