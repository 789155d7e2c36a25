/**
 * What all copies of litelatch in one thread share, vm contexts too: they must
 * count together and share one exit listener, and a lock handle that nobody
 * refers to would be collected, and its lock with it.
 */

const KEY = Symbol.for("litelatch/1");

/** Other versions read it too. */
export interface SharedState {
  /** Locks held here, by path. */
  locks: Map<string, HeldLock>;
  open: Set<WeakRef<OpenHandle>>;
  /** What to do when the process exits, or when nobody is left to serve. */
  endings: Map<string, { calls: Set<() => void>; unlisten: () => void }>;
  /** Here it outlives a copy that is reloaded. */
  ends?: FinalizationRegistry<() => void>;
  /** Warnings that were given once. */
  warned: Set<string>;
  /** The last ones, in words. */
  warnings: string[];
}

/** One lock of this thread, however often it was taken. */
export interface HeldLock {
  mode: "shared" | "exclusive";
  /** How many handles count on it. */
  count: number;
  /** Who is told to those that are refused. */
  holder: object;
  /** `dev:ino` of the lock file that carries the kernel lock; empty if lost. */
  lockFile: string;
  /** Lets it go; called when `count` is back at 0. */
  drop(): void;
}

/** One open handle, as the others on the same file need it. */
export interface OpenHandle {
  readonly path: string;
  /** What keeps its connection from being closed and opened anew now. */
  obstacle(): "busy" | "adopted" | "personal" | null;
  /** Inside `write` where that was begun, if its body awaits, else empty. */
  writingAt(): string | null;
  /** Why a further connection to its file would be lost; looks anew. */
  loss(): string | null;
  /** Throws if commits may be lost that nobody was told of yet. */
  requireSaid?(): void;
  /** Closes its connection, and opens a new one. */
  detach(): void;
  attach(): void;
  /** Refuses everything from now on, for this reason; commits may be lost. */
  stop(reason: string, mayLose?: boolean): void;
}

type Place = { [KEY]?: SharedState };

export function sharedState(): SharedState {
  return (globalThis as Place)[KEY] ??= (process as Place)[KEY] ??= {
    locks: new Map(),
    open: new Set(),
    endings: new Map(),
    warned: new Set(),
    warnings: [],
  };
}

/** The open handles of this thread on one path. */
export function handlesOn(path: string): OpenHandle[] {
  return [...sharedState().open].flatMap((handle) => handle.deref() ?? [])
    .filter((handle) => handle.path === path);
}

/** Whether a warning was not given before; it counts as given then. */
export function isFirst(warning: string): boolean {
  const { warned } = sharedState();
  return warned.size < warned.add(warning).size;
}
