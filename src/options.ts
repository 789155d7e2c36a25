/**
 * What a caller may ask for, and what is told about a holder.
 *
 * @module
 */

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
  /** Runtime and script, such as `node server.js`. */
  command: string | null;
  /** Runtime and version, such as `deno 2.9.6`. */
  runtime: string | null;
  /** What it holds. */
  mode: LockMode;
  /** When it took the lock, ISO 8601 in UTC. */
  acquiredAt: string | null;
  /** Whether it lives; `null` where that cannot be known from here. */
  alive: boolean | null;
  /** `"other"` if `pid` counts in another PID namespace than ours. */
  pidNamespace: "own" | "other" | null;
  /** The name of its host; only for a lease, which crosses hosts. */
  host?: string | null;
}

/** What takes part in the writes of a handle. Each hook may be missing. */
export interface Attachment {
  /** Before a write outside of any transaction: a statement, or before BEGIN. Throws to refuse it. */
  beforeWrite?(): void;
  /** Before each try to begin a transaction; with `write()` and `writeAsync()` only. */
  beforeBegin?(): void;
  /** In the transaction of a `write()`, before its body. Throws to roll back. */
  begun?(): void;
  /** Right before COMMIT. Throws to roll back. */
  beforeCommit?(): void;
  /** After a transaction, or a try to begin one, however it ended. */
  afterWrite?(): void;
  /** Makes of an error of SQLite what the caller sees. */
  explain?(error: unknown): unknown;
  /** At the end of the handle. */
  end?(): void;
}

/** What a lease sees of the handle that it is given to. */
export interface LeasedDatabase {
  /** The path of the database. */
  readonly path: string;
  /** Runs SQL on the connection itself, past all hooks. */
  exec(sql: string): void;
  /** The first column of the first row. */
  value(sql: string): null | number | bigint | string | Uint8Array;
}

/**
 * What {@linkcode open} needs to know of a lease, such as one of
 * `acquireLease` of `@litelatch/litelatch/etcd`.
 */
export interface LeaseLike {
  /** What it is called in messages. */
  readonly path: string;
  /** Who else may hold it. */
  readonly mode: LockMode;
  /** Whether it stands at this moment, asked before each write. */
  readonly held: boolean;
  /** A number that only grows from one exclusive holder to the next. */
  readonly fence: number | bigint;
  /** Aborted when it is lost, with an error as the reason that says why. */
  readonly lost?: AbortSignal;
  /**
   * Takes part in the writes of one handle; called once, when it is opened, and
   * again for each new connection after `reopen()`.
   */
  attach?(database: LeasedDatabase): Attachment;
}

/** What {@linkcode acquireLock} can be asked for. */
export interface LockOptions {
  /** Exclusive by default. */
  mode?: LockMode;
  /** The name of the program, shown to whoever is refused. */
  app?: string;
  /** What the lock is held for, shown to whoever is refused. */
  purpose?: string;
  /** How long to wait, in milliseconds. 0, the default, refuses at once. */
  wait?: number;
  /**
   * Where an older version of the application keeps its locks: a pidfile with
   * a bare PID or JSON, or the folder of proper-lockfile. While one of its
   * processes lives it counts as an exclusive holder; while we hold the lock,
   * a PID of ours is there. The first handle of a process decides.
   */
  legacy?: readonly (string | URL)[];
}

/** What to do instead of throwing when the lock is refused. */
export type OnLocked = "throw" | "warn" | ((holders: Holder[]) => void);

/** What {@linkcode adopt} can be asked for. */
export interface AdoptOptions {
  /** The name of the program, shown to whoever is refused. */
  app?: string;
  /** What the database is open for, shown to whoever is refused. */
  purpose?: string;
  /** `"shared"` by default. `"none"` takes no lock and writes no pidfile. */
  lock?: LockMode | "none";
  /** How long to wait for the lock, in milliseconds. Default 0. */
  wait?: number;
  /**
   * Where an older version of the application keeps its locks: a pidfile with
   * a bare PID or JSON, or the folder of proper-lockfile. While one of its
   * processes lives it counts as an exclusive holder; while we hold the lock,
   * a PID of ours is there. The first handle of a process decides.
   */
  legacy?: readonly (string | URL)[];
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
  /** Pages in the WAL at which SQLite checkpoints by itself. Default 1000. */
  walAutocheckpoint?: number;
  /** Whether foreign keys are enforced. Default true. */
  foreignKeys?: boolean;
  /**
   * How often to look after the WAL and the locks, in milliseconds. Default
   * 30 000; `false` turns it off. It keeps no process alive.
   */
  heartbeat?: number | false;
  /**
   * Where warnings go. By default `process.emitWarning`, which prints them on
   * stderr.
   */
  onWarning?: (message: string) => void;
}

/** What {@linkcode open} can be asked for. */
export interface OpenOptions extends AdoptOptions {
  /** Whether to refuse every write. Default false. */
  readOnly?: boolean;
  /** Whether to create a missing database. Default true. */
  create?: boolean;
  /**
   * Whether to close the database and end the process when its parent has
   * died, or when standard input has ended and the program reads it. Default
   * false.
   */
  exitWithParent?: boolean;
  /**
   * A lease that has to stand for every write: it is looked at before BEGIN
   * and before COMMIT. See `@litelatch/litelatch/etcd`.
   */
  lease?: LeaseLike;
  /**
   * Whether the database keeps the highest fence of its leases, in the table
   * `litelatch_fence`, and refuses a write of any holder before that one.
   * Then only `write()` and `writeAsync()` may write. Needs an exclusive
   * `lease`. Default false.
   */
  fencing?: boolean;
}
