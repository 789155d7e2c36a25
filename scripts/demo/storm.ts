/**
 * One storm: nine processes, one database, some twenty rounds.
 *
 * @module
 */

import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Runtime } from "../runtimes/runtimes.ts";
import { type Child, startChild } from "./children.ts";
import { type Found, readBack } from "./file.ts";
import { PROCESSES, SCHEMA, seed } from "./load.ts";
import type { Go, Ready, RoundReport } from "./messages.ts";
import { openRaw } from "./raw_driver.ts";

/** One of the three ways to write. */
export interface Way {
  readonly id: string;
  /** The heading of its column, in two short lines. */
  readonly heading: readonly [string, string];
  readonly file: string;
  /** What the program gets after the database and the session. */
  readonly args: readonly string[];
}

/** How far a storm has come. */
export interface Progress {
  /** 0 while the processes start. */
  readonly round: number;
  readonly acknowledged: number;
  readonly refusals: number;
}

/** What one storm came to. */
export interface Outcome {
  readonly way: Way;
  readonly transactions: number;
  readonly acknowledged: number;
  readonly refusals: number;
  /** Refusals because of SQLITE_BUSY_SNAPSHOT, which no timeout cures. */
  readonly stale: number;
  /** Sorted, in milliseconds. */
  readonly waits: readonly number[];
  /** Bytes, while all nine were still connected. */
  readonly walSize: number;
  readonly found: Found;
  /** What the processes warned of, each once. */
  readonly warnings: readonly string[];
  /** What they said on stderr, which should be nothing. */
  readonly stderr: readonly string[];
}

/** Long enough for the line to reach nine processes on a busy machine. */
const LEAD_MS = 25;

/** Plays all rounds; `onRound` hears of each. */
export async function storm(
  way: Way,
  runtimes: readonly Runtime[],
  database: string,
  rounds: number,
  onRound: (progress: Progress) => void,
): Promise<Outcome> {
  onRound({ round: 0, acknowledged: 0, refusals: 0 });
  prepare(database);
  const children = Array.from(
    { length: PROCESSES },
    (_, session) =>
      startChild(runtimes[session % runtimes.length]!, way.file, [
        database,
        String(session),
        ...way.args,
      ]),
  );
  const warnings = new Set<string>();
  for (const child of children) await expectReady(child, warnings);

  const reports: RoundReport[] = [];
  let acknowledged = 0;
  let refusals = 0;
  for (let round = 1; round <= rounds; round++) {
    const go: Go = { round, at: Date.now() + LEAD_MS };
    for (const child of children) child.send(JSON.stringify(go));
    const lines = await Promise.all(children.map((child) => child.nextLine()));
    for (const line of lines) {
      const report = JSON.parse(line) as RoundReport;
      reports.push(report);
      acknowledged += report.acknowledged.length;
      refusals += report.refusals;
    }
    onRound({ round, acknowledged, refusals });
  }
  const walSize = statSync(`${database}-wal`, { throwIfNoEntry: false })?.size;
  for (const child of children) child.dismiss();
  const ends = await Promise.all(children.map(endOf));
  return {
    way,
    transactions: reports.reduce((sum, { waits }) => sum + waits.length, 0),
    acknowledged,
    refusals,
    stale: reports.reduce((sum, { stale }) => sum + stale, 0),
    waits: reports.flatMap(({ waits }) => waits).sort((a, b) => a - b),
    walSize: walSize ?? 0,
    found: readBack(
      database,
      reports.flatMap(({ acknowledged }) => acknowledged),
    ),
    warnings: [...warnings],
    stderr: ends.filter((said) => said !== ""),
  };
}

function prepare(database: string): void {
  mkdirSync(dirname(database), { recursive: true });
  const db = openRaw(database);
  db.exec("PRAGMA journal_mode=WAL");
  db.exec(SCHEMA);
  seed(db);
  db.close();
}

async function expectReady(
  child: Child,
  warnings: Set<string>,
): Promise<void> {
  const line = await child.nextLine();
  const ready = JSON.parse(line) as Ready;
  for (const warning of ready.warnings) warnings.add(warning);
}

async function endOf(child: Child): Promise<string> {
  const { code, stderr } = await child.ended;
  const said = code === 0 ? stderr : `exit code ${code} ${stderr}`;
  return said === "" ? "" : `${child.label}: ${said}`;
}
