/**
 * Findings about the WAL, and about the SQLite that writes it.
 *
 * @module
 */

import { always, type Finding, type Looks } from "./finding.ts";
import { size } from "./formats.ts";
import { namesOf } from "./process_lines.ts";

/** What is wrong with the WAL. */
export function findingsAboutWal({ reports, last, limit }: Looks): Finding[] {
  const found: Finding[] = [];
  const { wal, sqlite, database } = last;
  if (sqlite.walResetBug === true && database?.journalMode !== "rollback") {
    found.push({
      code: "wal-reset-bug",
      level: "error",
      what: `SQLite ${sqlite.version} of this runtime has the WAL-reset bug: ` +
        "checkpoints and writes of several processes at once can corrupt the " +
        "database.",
      todo: "Update the runtime to one with SQLite 3.51.3 or newer. Until " +
        "then litelatch makes no checkpoints of its own there. Other " +
        "programs have an SQLite of their own: check them too.",
      pids: [],
    });
  }
  if (wal === null || wal.bytes <= limit) return found;
  const times = wal.bytes / limit;
  const large = `The WAL is ${size(wal.bytes)}, ${
    times >= 2 ? `${Math.floor(times)} times` : "past"
  } its limit of ${size(limit)}`;
  const pins = always(reports, (report) => report.wal?.pinnedBy ?? []);
  const unknown = reports.find((report) => report.wal?.pinnedBy === null);
  if (pins.length === 0 && unknown !== undefined) {
    found.push({
      code: "wal-large",
      level: "warning",
      what: `${large}. Who keeps it from being emptied cannot be told: ${
        unknown.reasons["wal.pinnedBy"] ?? "unknown"
      }.`,
      todo: "`litelatch checkpoint` tries to empty it. If it is blocked, a " +
        "process reads without an end: look for one that is idle in a " +
        "transaction.",
      pids: [],
    });
    return found;
  }
  found.push({
    code: "wal-large",
    level: "warning",
    what: pins.length > 0
      ? `${large}. ${namesOf(last, pins)} read${
        pins.length === 1 ? "s" : ""
      } an old snapshot all the time, and ` +
        "nothing newer can leave the WAL."
      : `${large}, and nobody reads an old snapshot for long.`,
    todo: pins.length > 0
      ? "End that read transaction (an open iterator or cursor is one), or " +
        "stop the process; then the WAL shrinks by itself, or with " +
        "`litelatch checkpoint`."
      : "`litelatch checkpoint` empties it. Programs that open it with " +
        "litelatch keep it at the limit.",
    pids: pins,
  });
  return found;
}
