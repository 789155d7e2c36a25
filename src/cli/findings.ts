/**
 * From facts to findings: what is wrong, and what to do.
 *
 * @module
 */

import type { Report } from "../inspect/report.ts";
import { findingsAboutFiles } from "./findings_files.ts";
import { findingsAboutHolders } from "./findings_holders.ts";
import { findingsAboutLocks } from "./findings_locks.ts";
import { findingsAboutWal } from "./findings_wal.ts";

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

// Worst first. Whatever is not listed comes last.
const ORDER = [
  "not-a-database",
  "database-missing",
  "deleted-file",
  "locks-lost",
  "lock-replaced",
  "wal-damaged",
  "wal-reset-bug",
  "network-filesystem",
  "locked-exclusively",
  "write-lock-kept",
  "wal-large",
  "unwritable",
  "parent-gone",
  "holder-unknown",
  "hard-links",
  "rollback-journal",
  "stale-records",
];

/** Everything that is wrong, worst first. */
export function findingsOf(looks: Looks): Finding[] {
  const place = ({ code, level }: Finding) => {
    const at = ORDER.indexOf(code);
    return (level === "error" ? 0 : 100) + (at === -1 ? 99 : at);
  };
  return [
    ...findingsAboutFiles(looks),
    ...findingsAboutHolders(looks),
    ...findingsAboutLocks(looks),
    ...findingsAboutWal(looks),
  ].sort((one, other) => place(one) - place(other));
}

/** PIDs that a condition names in every one of the looks. */
export function always(
  reports: Report[],
  pids: (report: Report) => number[],
): number[] {
  const [first, ...rest] = reports.map(pids);
  return (first ?? []).filter((pid) =>
    rest.every((some) => some.includes(pid))
  );
}
