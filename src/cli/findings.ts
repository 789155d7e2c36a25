/**
 * From facts to findings: what is wrong, and what to do.
 *
 * @module
 */

import type { Finding, Looks } from "./finding.ts";
import { findingsAboutFiles } from "./findings_files.ts";
import { findingsAboutHolders } from "./findings_holders.ts";
import { findingsAboutLocks } from "./findings_locks.ts";
import { findingsAboutNames } from "./findings_names.ts";
import { findingsAboutWal } from "./findings_wal.ts";

// Worst first. Whatever is not listed comes last.
const ORDER = [
  "not-a-database",
  "truncated",
  "database-missing",
  "deleted-file",
  "locks-lost",
  "lock-replaced",
  "foreign-file",
  "hard-links",
  "file-mount",
  "wal-damaged",
  "wal-reset-bug",
  "network-filesystem",
  "stopped",
  "locked-exclusively",
  "write-lock-kept",
  "wal-large",
  "unwritable",
  "parent-gone",
  "holder-unknown",
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
    ...findingsAboutNames(looks),
    ...findingsAboutHolders(looks),
    ...findingsAboutLocks(looks),
    ...findingsAboutWal(looks),
  ].sort((one, other) => place(one) - place(other));
}
