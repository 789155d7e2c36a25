/**
 * What all copies of litelatch in one JavaScript realm share: a vendored copy
 * beside an installed one must count together, and a lock handle that nobody
 * refers to would be collected, and its lock with it.
 *
 * @module
 */

const KEY = Symbol.for("litelatch/1");

/** Kept under `Symbol.for("litelatch/1")`; other versions read it too. */
export interface SharedState {
  /** Locks held here, by path. */
  locks: Map<string, HeldLock>;
  /** Open databases, by path. */
  open: Map<string, Set<OpenHandle>>;
  /**
   * Connections that must not be closed any more, nor collected, by the
   * `dev:ino` of their database.
   */
  abandoned: Map<string, Set<unknown>>;
  /** What to close when the process ends; the latest goes first. */
  leaving: Set<() => void>;
  /** Ends the watch for the end of the process, while there is one. */
  unwatch: (() => void) | null;
  /** Warnings that were given once. */
  warned: Set<string>;
}

/** One lock of this realm, however often it was taken. */
export interface HeldLock {
  mode: "shared" | "exclusive";
  /** How many handles count on it. */
  count: number;
  /** Who is told to those that are refused. */
  holder: object;
  /** `dev:ino` of the sidecar that carries the kernel lock. */
  sidecar: string | null;
  /** Lets it go; called when `count` is back at 0. */
  drop(): void;
}

/** One open handle, as the others on the same file need it. */
export interface OpenHandle {
  /** What keeps its connection from being exchanged now. */
  obstacle(): "busy" | "adopted" | null;
  /** Whether it is inside `write`. */
  isWriting(): boolean;
  /** Whether closing its connection could hurt others. */
  mustAbandon(): boolean;
  /** Why it may not be written, if so; looks anew. */
  refusal(): string | null;
  /** Closes its connection. */
  detach(): void;
  /** Opens a new one. */
  attach(): void;
  /** Refuses everything from now on, for this reason. */
  stop(reason: string): void;
}

/** The state of this realm, made on first use. */
export function sharedState(): SharedState {
  const realm = globalThis as { [KEY]?: SharedState };
  realm[KEY] ??= {
    locks: new Map(),
    open: new Map(),
    abandoned: new Map(),
    leaving: new Set(),
    unwatch: null,
    warned: new Set(),
  };
  return realm[KEY];
}
