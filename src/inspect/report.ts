/**
 * What {@linkcode inspect} tells: one object that survives JSON.
 *
 * A fact that cannot be had is `null`, and `reasons` says why, under the name
 * of that fact or of what it is part of: `"wal.frames"`, `"holders.alive"`,
 * `"processes"`.
 *
 * @module
 */

import type { Holder } from "../options.ts";

/** What is known about a database, and about who has it open. */
export interface Report {
  /** The file, absolute and without symbolic links. */
  path: string;
  /** When it was looked at, ISO 8601 in UTC. */
  at: string;
  /** The PID of the process that looked. */
  pid: number;
  /** What the path leads to. */
  file: FileReport | null;
  /** What the database says about itself. */
  database: DatabaseReport | null;
  /** The write-ahead log. */
  wal: WalReport | null;
  /** The lock of litelatch, by the kernel. */
  lock: LockReport;
  /** Who left a pidfile, dead or alive, each process once. */
  holders: RegisteredHolder[];
  /** Names of pidfiles that say nothing that can be read. */
  unreadable: string[];
  /** What lies at names of ours, or of SQLite's, and is something else. */
  foreign: ForeignFile[];
  /** Every process that has one of the files open, or a lock on one. */
  processes: ProcessReport[] | null;
  /** Processes of others that could not be looked into. */
  unseen: number | null;
  /** Where the files are. */
  filesystem: FilesystemReport;
  /** The SQLite of this runtime. */
  sqlite: SqliteReport;
  /** Why a fact is `null`, by its name. */
  reasons: Record<string, string>;
}

/** What the path leads to. */
export interface FileReport {
  /** What it is. */
  kind: "file" | "folder" | "other";
  /** Its size in bytes. */
  bytes: number;
  /** How many names it has. */
  links: number;
  /** Whether this file alone is mounted here, and its folder is another. */
  mounted: boolean | null;
  /** Whether this user may write to it. */
  writable: boolean | null;
  /** Whether this user may create files beside it. */
  folderWritable: boolean | null;
}

/** What page 1 says, the newest one that is committed. */
export interface DatabaseReport {
  /** Whether it is an SQLite database; an empty file can become one. */
  valid: boolean;
  /** In bytes. */
  pageSize: number | null;
  /** Size in pages. */
  pages: number | null;
  /** `"rollback"` is any mode but WAL: the file does not say which. */
  journalMode: "wal" | "rollback" | null;
  /** `PRAGMA user_version`. */
  userVersion: number | null;
  /** `PRAGMA application_id`. */
  applicationId: number | null;
  /**
   * Counts commits. It starts anew with the wal-index, so only the difference
   * of two looks means anything.
   */
  commits: number | null;
}

/** The write-ahead log. */
export interface WalReport {
  /** Size of the file. */
  bytes: number;
  /** Whether it begins as a WAL must; an empty one is well. */
  valid: boolean | null;
  /** Committed frames, each of them one page. */
  frames: number | null;
  /** How many of them are in the database. */
  checkpointed: number | null;
  /** How far the readers of each of the five marks see, in frames. */
  readMarks: ReadMark[] | null;
  /** PIDs whose snapshot keeps a checkpoint from going on. */
  pinnedBy: number[] | null;
}

/** A place in the WAL where snapshots end. */
export interface ReadMark {
  /** 0 to 4; mark 0 reads the database alone. */
  mark: number;
  /** The last frame of the snapshot; `null` if nothing is noted. */
  frame: number | null;
  /** Who reads there now. */
  pids: number[] | null;
}

/** The lock of litelatch, by the kernel. */
export interface LockReport {
  /** Whether there is an `app.db.lock` that is a file. */
  exists: boolean;
  /** Who else may have it now. */
  state: "free" | "shared" | "exclusive" | null;
  /** PIDs that have it. */
  pids: number[] | null;
}

/** A process that left a pidfile, and what has become of it. */
export interface RegisteredHolder extends Holder {
  /** The name of the pidfile. */
  record: string;
  /** Names of the others that its threads left; a worker may have ended. */
  moreRecords: string[];
  /** Whether the process that started it is gone. */
  parentGone: boolean | null;
  /**
   * Whether the kernel lists its lock. A record of a process that lives and has
   * none was left by a worker that ended, or planted.
   */
  holdsLock: boolean | null;
  /** Whether it holds another `app.db.lock` than the one at the path. */
  lockReplaced: boolean | null;
}

/** Something that is not what its name says. It is never touched. */
export interface ForeignFile {
  /** Such as `app.db.lock`. */
  name: string;
  /** What it is, such as `a symbolic link`. */
  what: string;
}

/** A file of the four. */
export type FileName = "database" | "wal" | "shm" | "lock";

/** A process that has the database open. */
export interface ProcessReport {
  /** Its PID. */
  pid: number;
  /** The PID of its parent. */
  ppid: number | null;
  /** Its program and script: arguments carry secrets. */
  command: string | null;
  /** Whether it is the process that looked. */
  self: boolean;
  /** Whether it is stopped, as by Ctrl-Z: it keeps its locks meanwhile. */
  stopped: boolean | null;
  /** Which files it has open. */
  files: FileName[] | null;
  /** Which of them were deleted or replaced under it. */
  deleted: FileName[] | null;
  /** Its lock on `app.db.lock`. */
  lock: "none" | "shared" | "exclusive";
  /** Its lock on the database file; `"shared"` in WAL mode is idle. */
  database: "none" | "shared" | "reserved" | "pending" | "exclusive";
  /** Whether it holds the wal-index open, as every one in WAL mode does. */
  attached: boolean;
  /** Whether it holds the write lock. */
  writing: boolean;
  /** Whether it holds the checkpoint lock. */
  checkpointing: boolean;
  /** Whether it holds the recovery lock. */
  recovering: boolean;
  /** The read marks that it holds. */
  readMarks: number[];
  /**
   * What it waits for: the lock of litelatch, or the write lock, by the way it
   * sleeps. One that waits in `writeAsync` cannot be told from an idle one.
   */
  waiting: "none" | "lock" | "write" | null;
}

/** Where the files are. */
export interface FilesystemReport {
  /** Its name, such as `ext4`. */
  type: string | null;
  /** Whether other machines may have it mounted too. */
  network: boolean | null;
  /** Whether locks work on it, as far as can be told without taking one. */
  locks: boolean | null;
  /** Whether it is mounted read-only. */
  readOnly: boolean | null;
}

/** The SQLite of this runtime. */
export interface SqliteReport {
  /** Its version. */
  version: string | null;
  /** Whether it has the bug of https://sqlite.org/wal.html#walresetbug. */
  walResetBug: boolean | null;
}
