/**
 * What a finding is, and what findings are made of.
 *
 * @module
 */

import type { Report } from "../inspect/mod.ts";

/** Something that is wrong. */
export interface Finding {
  /** A stable name. */
  code: string;
  /** An error loses data or stops others; a warning may come to that. */
  level: "error" | "warning";
  /** What is seen, and what it means. */
  what: string;
  /** What to do. */
  todo: string;
  /** Whom it is about. */
  pids: number[];
}

/** Several looks at one database, the oldest first. */
export interface Looks {
  reports: Report[];
  /** The latest of them. */
  last: Report;
  /** The size at which a WAL is too large, in bytes. */
  limit: number;
}

/** PIDs that a condition names in every one of the looks. */
export function always(
  reports: Report[],
  pids: (report: Report) => number[],
): number[] {
  const [first, ...rest] = reports.map(pids);
  return [...new Set(first)].filter((pid) =>
    rest.every((some) => some.includes(pid))
  );
}
