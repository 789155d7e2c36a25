/** What a caller may ask for, and what is told about a holder. */

import type { Value } from "./driver/contract.ts";

/** Who else may hold the lock: other `"shared"` holders, or nobody. */
export type LockMode = "shared" | "exclusive";

/** A process that holds a lock, as far as it can be known from here. */
export interface Holder {
  /** The PID, as the holder itself sees it; see {@linkcode Holder.pidNamespace}. */
  pid: number;
  /** The PID of its parent when it took the lock. */
  ppid: number | null;
  /** The `app` it gave. */
  app: string | null;
  /** The `purpose` it gave. */
  purpose: string | null;
  /** Program and script, such as `node server.js`. */
  command: string | null;
  /** Runtime and version, such as `deno 2.9.6`. */
  runtime: string | null;
  /** What it holds. */
  mode: LockMode;
  /** When it took the lock, ISO 8601 in UTC. */
  acquiredAt: string | null;
  /** Whether it is alive; `null` where that cannot be known from here. */
  alive: boolean | null;
  /** `"other"` if `pid` counts in another PID namespace than ours. */
  pidNamespace: "own" | "other" | null;
  /** The name of its host; only for a lease, which crosses hosts. */
  host?: string | null;
}

/** What takes part in the writes of one handle. Each hook may be missing. */
export interface Attachment {
  /** Before a statement outside of `write()`, or BEGIN. Throws to refuse it. */
  beforeWrite?(): void;
  /** Before each try to begin a transaction of `write()` or `writeAsync()`. */
  beforeBegin?(): void;
  /** In that transaction, before the body. Throws to roll back. */
  begun?(): void;
  /** Right before COMMIT. Throws to roll back. */
  beforeCommit?(): void;
  /** After a write, or a try to begin one, however it ended. */
  afterWrite?(): void;
  /** At a heartbeat, outside of transactions. */
  beat?(): void;
  /** On a new connection, after the handle was reopened. */
  connected?(): void;
  /** Makes of an error of SQLite what it means here, or gives it back. */
  explain?(error: unknown): unknown;
  /** At the end of the handle. */
  end?(): void;
}

/** What a lease sees of a handle that it is given to. */
export interface LeasedDatabase {
  /** The file. */
  readonly path: string;
  /** Runs statements on the connection itself. */
  exec(sql: string): void;
  /** The first value that a query answers with. */
  value(sql: string): Value;
}

/** What `acquireLease` or `fenced` of `@litelatch/litelatch/etcd` gave. */
export interface LeaseLike {
  /**
   * Takes part in the writes of a handle. Called when it opens, and followed by
   * an empty write if there is something to do in it.
   */
  attach(database: LeasedDatabase): Attachment;
}

/** A process of an older version that is in the way. */
export interface OldVersion {
  /** Whether it was seen for long enough to refuse the lock. */
  readonly isCertain: boolean;
  /** The refusal, after so many milliseconds. */
  error(waitedMs: number): Error;
}

/** Keeps an older version out of one lock while we have it. */
export interface LegacyGuard {
  /** With the lock in our hands: takes the old place, or says who has it. */
  enter(): OldVersion | null;
  /** Leaves the old place to another of ours, or clears it. */
  leave(): void;
}

/** What `legacyLocks` of `@litelatch/litelatch/legacy` makes. */
export interface LegacyLike {
  /** What guards the lock on `path`. */
  guard(path: string): LegacyGuard;
}

/** What {@linkcode acquireLock} can be asked for. */
export interface LockOptions {
  /** Exclusive by default. */
  mode?: LockMode;
  /** The name of the program, shown to whoever is refused. */
  app?: string;
  /** What the lock is held for, shown to whoever is refused. */
  purpose?: string;
  /** How long to wait, in ms. 0, the default, refuses at once. May be Infinity. */
  wait?: number;
  /**
   * Where an older version of the application keeps its locks. While one of
   * its processes is alive it counts as an exclusive holder; while we hold the
   * lock, a PID of ours is there. The first handle of a process decides.
   */
  legacy?: LegacyLike;
}

/** What to do instead of throwing when the lock is refused. */
export type OnLocked = "throw" | "warn" | ((holders: Holder[]) => void);

/** What {@linkcode adopt} can be asked for. */
export interface AdoptOptions extends Omit<LockOptions, "mode"> {
  /** `"shared"` by default. `"none"` takes no lock and writes no pidfile. */
  lock?: LockMode | "none";
  /** `"throw"` by default; otherwise the database opens without the lock. */
  onLocked?: OnLocked;
  /** How long a statement or a write waits, in milliseconds. Default 5000. */
  busyTimeout?: number;
  /**
   * `"normal"` by default: a commit survives the death of the process, and
   * the last ones may be lost at a power cut. `"full"` survives both.
   */
  synchronous?: "normal" | "full";
  /** Size to which the WAL file is cut back, in bytes. Default 16 MiB. */
  journalSizeLimit?: number;
  /**
   * Pages in the WAL at which a commit is followed by a checkpoint that makes
   * nobody wait. Default 1000; 0 turns it off. SQLite's own automatic one stays
   * where others use the connection, `ATTACH` was used, or with the WAL-reset bug.
   */
  walAutocheckpoint?: number;
  /** Whether foreign keys are enforced. Default true. */
  foreignKeys?: boolean;
  /**
   * How often to look after the WAL and the locks, in milliseconds. Default
   * 30 000; `false` turns it off. It keeps no process alive.
   */
  heartbeat?: number | false;
  /** Where warnings go. By default `process.emitWarning`, so to stderr. */
  onWarning?: (message: string) => void;
  /**
   * Called after a write or a statement that had to wait for 50 ms or more, with
   * how many, and with the PIDs of those that had the write lock when it was
   * asked who has it: after 50, 500 and 5000 ms, and none where that cannot be known.
   */
  onWait?: (waitedMs: number, writers: number[]) => void;
}

/** What {@linkcode open} can be asked for. */
export interface OpenOptions extends AdoptOptions {
  /** Whether to refuse every write. Default false. */
  readOnly?: boolean;
  /** Whether to create a missing database. Default true. */
  create?: boolean;
  /**
   * Whether to close the database and end the process when its parent died, or
   * when standard input ended and the program reads it. Default false.
   */
  exitWithParent?: boolean;
  /**
   * A lease that has to stand for every write: it is asked before the write
   * and before COMMIT. See `@litelatch/litelatch/etcd`.
   */
  lease?: LeaseLike;
}
