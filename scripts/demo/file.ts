/**
 * Reads the database when all is over, with a fresh connection: what a process
 * believes it has written is not asked here.
 *
 * @module
 */

import { openRaw } from "./raw_driver.ts";

/** What is in the file. */
export interface Found {
  /** Commits in the file, acknowledged or not. */
  readonly commits: number;
  /** Acknowledged commits that are not in the file. */
  readonly lost: number;
  /** The answer of `PRAGMA integrity_check`. */
  readonly integrity: string;
}

/** Counts the commits by the marks that they left. */
export function readBack(
  database: string,
  acknowledged: readonly string[],
): Found {
  const db = openRaw(database);
  try {
    const { marks } = db.prepare(
      "SELECT json_group_array(mark) AS marks FROM system_event " +
        "WHERE mark IS NOT NULL",
    ).get() as { marks: string };
    const inFile = new Set(JSON.parse(marks) as string[]);
    const check = db.prepare("PRAGMA integrity_check").get();
    return {
      commits: inFile.size,
      lost: acknowledged.filter((mark) => !inFile.has(mark)).length,
      integrity: (check as { integrity_check: string }).integrity_check,
    };
  } finally {
    db.close();
  }
}
