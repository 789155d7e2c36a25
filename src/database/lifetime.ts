/** From open to close of one handle, whose connection may be opened anew. */

import { UnsupportedError } from "../errors.ts";
import { every, unkept, weakly } from "../os/clock.ts";
import { atExit, whenOrphaned } from "../os/exit_hooks.ts";
import { handlesOn, type OpenHandle, sharedState } from "../os/shared_state.ts";
import type { AsyncWrites } from "./async_writes.ts";
import { placeOf } from "./busy_error.ts";
import { cannotReopen, type LossWatch, reopenAll } from "./loss_watch.ts";
import type { Connected, Opened, Session } from "./session.ts";

/** What a handle is made of. */
export interface Parts {
  readonly session: Session;
  /** `null` for a database in memory. */
  readonly watch: LossWatch | null;
  /** For bodies that await; `null` inside of one. */
  readonly asyncWrites: AsyncWrites | null;
  /** Opens the file anew; `null` where the connection is not ours. */
  readonly reconnect: (() => Connected) | null;
  /** Opens what the path leads to now; `null` if it is the same place. */
  readonly relocate: () => Opened | null;
}

const FIRST_BEAT_MS = 100;

// What a hot reload leaves behind, nothing else may refer to.
const kept = new WeakMap<object, Lifetime>();

/** Opens, reopens and closes the connection of one handle. */
export class Lifetime implements OpenHandle {
  readonly #parts: Parts;
  readonly session: Session;
  readonly #self: WeakRef<OpenHandle> = new WeakRef<OpenHandle>(this);
  readonly #ending: (() => void)[] = [];

  /** @param handle What the caller has; the connection of bodies has none. */
  constructor(parts: Parts, handle?: object) {
    this.#parts = parts;
    this.session = parts.session;
    sharedState().open.add(this.#self);
    const { heartbeat, exitWithParent } = parts.session.settings;
    if (heartbeat !== false) {
      const beat = weakly(this, "beat");
      // Locks that are dropped can be told from locks that are never listed
      // only once they were seen. A hook has ended by then.
      const first = setTimeout(beat, Math.min(FIRST_BEAT_MS, heartbeat));
      this.#ending.push(every(heartbeat, beat), unkept(first));
    }
    // What was lost must be harmless before the runtime closes it; and who has
    // it open may have changed since the loss was seen.
    if (parts.watch) this.#ending.push(atExit(weakly(this, "disarm")));
    if (!handle) return;
    if (exitWithParent) this.#ending.push(whenOrphaned(() => this.close()));
    else if (parts.reconnect === null) this.outlive();
    else {
      const ends = sharedState().ends ??= new FinalizationRegistry((f) => f());
      ends.register(handle, () => this.close(true), this);
    }
  }

  /** Goes on for as long as somebody has the connection. */
  outlive(): void {
    kept.set(this.session.connection.native as object, this);
    sharedState().ends?.unregister(this);
  }

  /** Lets everything that takes part look. */
  beat(): void {
    const { session } = this.#parts;
    if (session.isForsaken) this.close();
    // Nobody called us, so nobody could catch it; the next write will say.
    session.unheard((one) => {
      if (session.isLeft) session.require();
      if (!session.stopped && session.depth === 0) one.beat?.();
    });
  }

  get path(): string {
    return this.session.path;
  }

  obstacle(): "busy" | "adopted" | "personal" | null {
    const { session, reconnect } = this.#parts;
    if (session.isForsaken) this.close();
    if (session.stopped === "closed") return null;
    if (reconnect === null) return "adopted";
    // A loss may have closed the connection; the body goes on.
    if (session.depth > 0) return "busy";
    if (!session.isOpen) return null;
    if (!session.isIdle) return "busy";
    return session.isPersonal ? "personal" : null;
  }

  writingAt(): string | null {
    const { depth, reading, made } = this.session;
    return depth > 0 && !reading ? placeOf(made) : null;
  }

  loss(): string | null {
    // Its owner has forgotten the handle.
    if (this.session.isForsaken) this.close();
    return this.#parts.watch?.reason() ?? null;
  }

  /** At the end of the process: Bun empties every WAL then, beside whomever. */
  disarm(): void {
    this.#parts.watch?.reason();
    if (this.session.stopped === "lost") this.detach(true);
    // A body that awaits never goes on; the last write need not wait for it.
    if (this.session.made) this.close(true);
  }

  detach(forOwner?: boolean): void {
    this.#parts.watch?.close(forOwner);
  }

  attach(opened: Connected | undefined = this.#parts.reconnect?.()): void {
    if (!opened?.files) return;
    const { session, watch } = this.#parts;
    session.resume(opened.connection);
    if (watch) watch.files = opened.files;
    session.each((one) => one.connected?.());
  }

  requireSaid(): void {
    this.#parts.watch?.requireSaid();
  }

  stop(reason: string, mayLose = false): void {
    const { watch } = this.#parts;
    if (watch && mayLose) watch.files.lost = "locks";
    this.session.stop("lost", () => reason);
  }

  /** Closes the connection and opens what the path leads to now. */
  reopen(): void {
    const { session, watch, reconnect, relocate, asyncWrites } = this.#parts;
    const obstacle = this.obstacle();
    if (session.stopped === "closed") session.require();
    if (reconnect === null) {
      throw new UnsupportedError(
        `Cannot reopen "${session.path}": it must be a file that open() opened`,
      );
    }
    if (obstacle === "busy" || asyncWrites?.lent) {
      throw cannotReopen(session.path, "busy");
    }
    // Commits go with the old connections, and nobody was told of it yet.
    for (const handle of handlesOn(session.path)) handle.requireSaid?.();
    const relocated = relocate();
    if (relocated === null) {
      // The lock is kept, so it must be there.
      watch?.lookAtLock();
      reopenAll(session.path, false);
      watch?.requireLocks();
      return;
    }
    asyncWrites?.close();
    this.detach();
    session.lock?.release();
    session.lock = relocated.lock;
    session.path = relocated.path;
    this.attach(relocated);
  }

  /**
   * Ends it for good.
   *
   * @param keepsLock For a handle that was forgotten: somebody may have opened
   * it for its lock alone.
   * @throws {LockLostError} After it is closed, if commits may be lost.
   */
  close(keepsLock = false): void {
    const { session, reconnect, asyncWrites } = this.#parts;
    if (session.stopped === "closed") return;
    try {
      asyncWrites?.close();
      if (session.depth > 0) session.finish("ROLLBACK");
      // What its owner closed took its WAL with it.
      if (!keepsLock && !session.isForsaken) this.requireSaid();
    } finally {
      try {
        if (reconnect !== null) this.detach();
        // An adopted one is closed by its owner.
        else session.connection.close();
      } finally {
        session.stop("closed");
        session.each((one) => one.end?.());
        for (const end of this.#ending.splice(0)) end();
        sharedState().open.delete(this.#self);
        if (!keepsLock) session.lock?.release();
      }
    }
  }
}
