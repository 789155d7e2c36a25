/**
 * Every process that has the database open, and what each one holds: by the
 * kernel's locks, and by the files that `/proc` shows as open.
 *
 * @module
 */

import { type KernelLock, listsEverybody } from "../os/kernel_locks.ts";
import {
  blindness,
  neighbour,
  type OpenedFile,
  openedFiles,
} from "../os/neighbours.ts";
import { self } from "../os/process.ts";
import {
  ATTACHED_BYTE,
  CHECKPOINT_BYTE,
  type FileLocks,
  PENDING_BYTE,
  pidsOf,
  READ_BYTE,
  RECOVER_BYTE,
  RESERVED_BYTE,
  SHARED_BYTE,
  touches,
  WRITE_BYTE,
} from "./kernel.ts";
import type { Reasons } from "./reasons.ts";
import { noteWaiting } from "./waiters.ts";
import type { FileName, ProcessReport } from "./report.ts";

/** Who has one of the files open; `null` where that is not shown. */
export function findOpened(
  path: string,
): { files: OpenedFile[]; unseen: number } | null {
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
  opened: ReturnType<typeof findOpened>,
  locks: FileLocks | null,
  reasons: Reasons,
): { processes: ProcessReport[] | null; unseen: number | null } {
  const names = filesOf(path);
  if (locks === null || opened === null) {
    const reason = blindness() ?? "/proc cannot be read here";
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
  const { ppid, command } = neighbour(pid);
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
    files: hidden ? null : open,
    deleted: hidden ? null : deleted,
    lock: lock === "exclusive" || lock === "shared" ? lock : "none",
    database,
    attached: touches(shm, ATTACHED_BYTE, false) ||
      touches(shm, ATTACHED_BYTE, true),
    writing: touches(shm, WRITE_BYTE, true) ||
      (database !== "none" && database !== "shared"),
    checkpointing: touches(shm, CHECKPOINT_BYTE, true),
    recovering: touches(shm, RECOVER_BYTE, true),
    readMarks: [0, 1, 2, 3, 4].filter((mark) =>
      touches(shm, READ_BYTE + mark, false)
    ),
    waiting: "none",
  };
}

/** SQLite's five levels, by the bytes that each of them locks. */
function levelOf(locks: KernelLock[]): ProcessReport["database"] {
  if (touches(locks, SHARED_BYTE, true)) return "exclusive";
  if (touches(locks, PENDING_BYTE, true)) return "pending";
  if (touches(locks, RESERVED_BYTE, true)) return "reserved";
  return touches(locks, SHARED_BYTE, false) ? "shared" : "none";
}
