/**
 * Holds a database against what was acknowledged, through the sqlite3 command.
 *
 * A commit n of a writer is two rows, n and -n: both are there or none is.
 *
 * @module
 */

import { spawnSync } from "node:child_process";

/** The table that all storms write to. */
export const TABLE = "CREATE TABLE t (writer TEXT, i INTEGER, b BLOB)";

/** What was found in a database. */
export interface Found {
  /** Commits that are there, by writer. */
  readonly commits: ReadonlyMap<string, ReadonlySet<number>>;
  /** What `PRAGMA integrity_check` says, or why it could not be asked. */
  readonly integrity: string;
  /** Commits of which one row is there and the other is not. */
  readonly halves: readonly string[];
}

/** Makes the database, before anybody else sees it. */
export function createDatabase(path: string): void {
  sqlite3(path, `${TABLE};`);
}

const CHECK = "PRAGMA integrity_check; ";

/** Reads the whole database; without its table it has no commits. */
export function examine(path: string): Found {
  try {
    const output = sqlite3(path, `${CHECK}SELECT '-'; SELECT writer, i FROM t`);
    const [integrity = "", rows = ""] = output.split("\n-\n");
    return { integrity, ...commitsIn(rows) };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const none = { commits: new Map(), halves: [] };
    if (!said.includes("no such table: t")) return { integrity: said, ...none };
    return { integrity: sqlite3(path, CHECK).trim(), ...none };
  }
}

/** What is wrong with it, one sentence each. */
export interface Verdict {
  readonly lost: readonly string[];
  readonly broken: readonly string[];
  /** Commits that were refused and are there all the same. */
  readonly returned: number;
}

/**
 * Compares. Beside the acknowledged commits there may be the last one of each
 * writer, done and not yet said; and one whose COMMIT failed, which SQLite may
 * find in the WAL after a crash.
 */
export function compare(
  found: Found,
  acknowledged: ReadonlyMap<string, ReadonlySet<number>>,
  refused: ReadonlyMap<string, ReadonlySet<number>> = new Map(),
): Verdict {
  const lost: string[] = [];
  const broken = found.halves.map((half) => `half of commit ${half} is there`);
  let returned = 0;
  if (found.integrity !== "ok") {
    broken.push(`integrity_check says: ${found.integrity}`);
  }
  for (const [writer, numbers] of acknowledged) {
    for (const n of numbers) {
      if (!found.commits.get(writer)?.has(n)) lost.push(`${writer} ${n}`);
    }
  }
  for (const [writer, numbers] of found.commits) {
    const unsaid: number[] = [];
    for (const n of numbers) {
      if (acknowledged.get(writer)?.has(n)) continue;
      if (refused.get(writer)?.has(n)) returned++;
      else unsaid.push(n);
    }
    const last = Math.max(0, ...(acknowledged.get(writer) ?? []));
    if (unsaid.length > 1 || unsaid.some((n) => n <= last)) {
      broken.push(`${writer} never said commits ${unsaid.join(", ")}`);
    }
  }
  return { lost, broken, returned };
}

function commitsIn(rows: string): Pick<Found, "commits" | "halves"> {
  const all = new Map<string, Set<number>>();
  for (const row of rows.split("\n")) {
    if (row.trim() === "") continue;
    const [writer = "", i] = row.split("|");
    let numbers = all.get(writer);
    if (numbers === undefined) all.set(writer, numbers = new Set());
    numbers.add(Number(i));
  }
  const halves: string[] = [];
  const commits = new Map<string, Set<number>>();
  for (const [writer, numbers] of all) {
    const whole = new Set<number>();
    for (const n of numbers) {
      if (!numbers.has(-n)) halves.push(`${writer} ${Math.abs(n)}`);
      else if (n > 0) whole.add(n);
    }
    commits.set(writer, whole);
  }
  return { commits, halves };
}

function sqlite3(path: string, sql: string): string {
  // Without the user's .sqliterc, and waiting for whoever is still writing.
  const { status, stdout, stderr, error } = spawnSync(
    "sqlite3",
    ["-init", "/dev/null", "-batch", "-cmd", ".timeout 20000", path, sql],
    { encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  if (status === 0) return stdout;
  throw new Error(`sqlite3 failed: ${error?.message ?? stderr.trim()}`);
}
