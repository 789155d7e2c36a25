/**
 * Every process that has the database open, and what each one holds: by the
 * kernel's locks, and by the files that `/proc` shows as open.
 *
 * @module
 */

import {
  PENDING,
  RESERVED,
  SHARED,
  WAL_CHECKPOINT,
  WAL_DMS,
  WAL_READ,
  WAL_RECOVER,
  WAL_WRITE,
} from "../os/lock_bytes.ts";
import { self } from "../os/process.ts";
import {
  commandOf,
  type KernelLock,
  listsEverybody,
  processStat,
} from "../os/procfs.ts";
import { type FileLocks, hasLock, pidsOf, whyNoLocks } from "./file_locks.ts";
import { type OpenedFiles, openedFiles } from "./opened_files.ts";
import type { Reasons } from "./reasons.ts";
import type { FileName, ProcessReport } from "./report.ts";
import { noteWaiting } from "./waiters.ts";

/** Who has one of the files open; `null` where that is not shown. */
export function findOpened(path: string): OpenedFiles | null {
  return openedFiles([...filesOf(path).keys()]);
}

function filesOf(path: string): Map<string, FileName> {
  return new Map([
    [path, "database"],
    [`${path}-wal`, "wal"],
    [`${path}-shm`, "shm"],
    [`${path}.lock`, "lock"],
  ]);
}

/** Finds the processes. */
export function findProcesses(
  path: string,
  opened: OpenedFiles | null,
  locks: FileLocks | null,
  reasons: Reasons,
): { processes: ProcessReport[] | null; unseen: number | null } {
  const names = filesOf(path);
  if (locks === null || opened === null) {
    const reason = whyNoLocks();
    reasons.note("processes", reason);
    reasons.note("unseen", reason);
    return { processes: null, unseen: null };
  }
  const seen = new Map<number, Seen>();
  const all = [...locks.database, ...locks.shm, ...locks.lock];
  for (const pid of pidsOf(all)) seen.set(pid, { open: [], deleted: [] });
  for (const { pid, path, deleted } of opened.files) {
    const entry = seen.get(pid) ?? { open: [], deleted: [] };
    const name = names.get(path) as FileName;
    const list = deleted ? entry.deleted : entry.open;
    if (!list.includes(name)) list.push(name);
    seen.set(pid, entry);
  }
  const processes = [...seen].map(([pid, files]) =>
    describe(pid, files, locks, reasons)
  );
  noteWaiting(processes, reasons);
  processes.sort((one, other) => one.pid - other.pid);
  return { processes, unseen: countUnseen(opened.unseen, reasons) };
}

/** Locks of other PID namespaces are not shown to us, nor are they counted. */
function countUnseen(unseen: number, reasons: Reasons): number | null {
  if (listsEverybody()) return unseen;
  return reasons.note(
    "unseen",
    "this is a PID namespace of its own: processes outside are not shown",
  );
}

interface Seen {
  open: FileName[];
  deleted: FileName[];
}

function describe(
  pid: number,
  { open, deleted }: Seen,
  locks: FileLocks,
  reasons: Reasons,
): ProcessReport {
  const own = (list: KernelLock[]) => list.filter((lock) => lock.pid === pid);
  const shm = own(locks.shm);
  const database = levelOf(own(locks.database));
  const lock = levelOf(own(locks.lock));
  const { ppid = null, state = null } = processStat(pid) ?? {};
  const command = commandOf(pid);
  // A lock without an open file: its files are another user's business.
  const hidden = open.length === 0 && deleted.length === 0;
  const why = "its files belong to another user, or it has just ended";
  if (hidden) {
    reasons.note("processes.files", why);
    reasons.note("processes.deleted", why);
  }
  const gone = "the process has ended, or /proc hides it";
  if (ppid === null) reasons.note("processes.ppid", gone);
  if (command === null) reasons.note("processes.command", gone);
  return {
    pid,
    ppid,
    command,
    self: pid === self().pid,
    // By Ctrl-Z, SIGSTOP or a debugger: it keeps its locks, and answers nobody.
    stopped: state === null
      ? reasons.note("processes.stopped", gone)
      : state === "T" || state === "t",
    files: hidden ? null : open,
    deleted: hidden ? null : deleted,
    lock: lock === "exclusive" || lock === "shared" ? lock : "none",
    database,
    attached: hasLock(shm, WAL_DMS, false) || hasLock(shm, WAL_DMS, true),
    writing: hasLock(shm, WAL_WRITE, true) ||
      (database !== "none" && database !== "shared"),
    checkpointing: hasLock(shm, WAL_CHECKPOINT, true),
    recovering: hasLock(shm, WAL_RECOVER, true),
    readMarks: [0, 1, 2, 3, 4].filter((mark) =>
      hasLock(shm, WAL_READ + mark, false)
    ),
    // Whoever has begun to write there only asks for the exclusive lock.
    waiting: lock === "pending" || lock === "reserved" ? "lock" : "none",
  };
}

/** SQLite's five levels, by the bytes that each of them locks. */
function levelOf(locks: KernelLock[]): ProcessReport["database"] {
  if (hasLock(locks, SHARED, true)) return "exclusive";
  if (hasLock(locks, PENDING, true)) return "pending";
  if (hasLock(locks, RESERVED, true)) return "reserved";
  return hasLock(locks, SHARED, false) ? "shared" : "none";
}
