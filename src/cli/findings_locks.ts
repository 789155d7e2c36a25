/**
 * Findings about locks: who keeps others out, and who has lost his own.
 *
 * @module
 */

import type { ProcessReport, Report } from "../inspect/mod.ts";
import { partsOf } from "../os/paths.ts";
import { always, type Finding, type Looks } from "./finding.ts";
import { pidList } from "./findings_holders.ts";
import { linesOf, namesOf } from "./process_lines.ts";

/** What is wrong with the locks. */
export function findingsAboutLocks({ reports, last }: Looks): Finding[] {
  const found: Finding[] = [];
  const names = (pids: number[]) => namesOf(last, pids);
  const lasting = (is: (one: ProcessReport, report: Report) => boolean) =>
    always(reports, (report) =>
      (report.processes ?? [])
        .filter((one) => is(one, report))
        .map(({ pid }) => pid));

  const lost = lasting(({ deleted }) =>
    deleted !== null && deleted.some((name) => name !== "lock")
  );
  if (lost.length > 0) {
    found.push({
      code: "deleted-file",
      level: "error",
      what:
        `${names(lost)} ${
          lost.length === 1 ? "has" : "have"
        } a file open that was deleted or replaced: what is committed there is ` +
        "in no file that anybody else sees, and is gone when it ends.",
      todo: "Before you stop it, save what it holds, with db.backup() or by " +
        "copying from /proc/<pid>/fd. Never delete, replace or restore a " +
        "database, its -wal or its -shm while it is open.",
      pids: lost,
    });
  }
  // Whoever has the wal-index open holds a lock on it.
  const unlocked = lasting(({ files, deleted, attached }, { database }) =>
    database?.journalMode === "wal" && !attached && deleted?.length === 0 &&
    files !== null && files.includes("shm") && files.includes("wal")
  );
  if (unlocked.length > 0) {
    found.push({
      code: "locks-lost",
      level: "error",
      what:
        `${names(unlocked)} ${
          unlocked.length === 1 ? "has" : "have"
        } lost SQLite's locks: some code there opened and closed the file ` +
        "itself (readFile, copyFile). The next one to close the database " +
        "deletes the WAL, and committed rows with it.",
      todo:
        "Stop it before any other process that uses the database. In that " +
        "program use db.backup() instead of copying the file.",
      pids: unlocked,
    });
  }
  const { state, pids } = last.lock;
  if (state === "exclusive" || isHeldExclusively(last)) {
    const holders = pids?.length
      ? pids
      : linesOf(last).filter(({ record }) => record?.mode === "exclusive")
        .map(({ pid }) => pid);
    found.push({
      code: "locked-exclusively",
      level: "warning",
      what: `The database is locked exclusively by ${names(holders)}${
        state === null ? ", as a pidfile says" : ""
      }: others that open it with litelatch are refused.`,
      todo: `Wait for it with { wait: ms }, or stop it. Do not delete ${
        partsOf(last.path).name
      }.lock.`,
      pids: holders,
    });
  }
  const stopped = lasting(({ stopped }) => stopped === true);
  if (stopped.length > 0) {
    const isOne = stopped.length === 1;
    found.push({
      code: "stopped",
      level: "warning",
      what: `${names(stopped)} ${
        isOne ? "is" : "are"
      } stopped (by Ctrl-Z, SIGSTOP or a debugger), and ${
        isOne ? "keeps its" : "keep their"
      } locks meanwhile${isWriter(last, stopped) ? ", also to write" : ""}.`,
      todo: `Let ${isOne ? "it" : "them"} go on: \`kill -CONT ${
        stopped.join(" ")
      }\`.`,
      pids: stopped,
    });
  }
  const writers = stuckWriters(reports)
    .filter((pid) => !stopped.includes(pid));
  if (writers.length > 0) {
    const waiting = [
      ...new Set(
        reports.flatMap(({ processes }) =>
          (processes ?? []).filter((one) => one.waiting === "write")
        ).map(({ pid }) => pid),
      ),
    ];
    found.push({
      code: "write-lock-kept",
      level: "warning",
      what: `"database is locked": ${
        names(writers)
      } kept the write lock all the time we looked, and committed nothing${
        waiting.length === 0
          ? ""
          : `; ${pidList(waiting)} ${waiting.length === 1 ? "waits" : "wait"}`
      }.`,
      todo: "Its transaction is too long: look there for a BEGIN without a " +
        "COMMIT, or an await inside of one. Stopping it rolls back what it " +
        "has not committed.",
      pids: writers,
    });
  }
  return found;
}

function isHeldExclusively({ lock, holders }: Report): boolean {
  return lock.state === null &&
    holders.some(({ mode, alive }) => mode === "exclusive" && alive !== false);
}

function isWriter({ processes }: Report, pids: number[]): boolean {
  return (processes ?? []).some((one) => one.writing && pids.includes(one.pid));
}

/**
 * Who wrote in every look while the count of commits stood still. Where it
 * cannot be read, nobody: a writer with 251 commits in 4 s was named.
 */
function stuckWriters(reports: Report[]): number[] {
  const commits = new Set(
    reports.map(({ database }) => database?.commits ?? null),
  );
  if (reports.length < 2 || commits.size > 1 || commits.has(null)) return [];
  return always(
    reports,
    ({ processes }) =>
      (processes ?? []).filter(({ writing }) => writing).map(({ pid }) => pid),
  );
}
