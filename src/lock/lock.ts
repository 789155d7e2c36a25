/** What a caller gets for a lock. @module */

import type { Holder, LockMode } from "../options.ts";
import type { HeldLock } from "../os/shared_state.ts";

/** A lock that is held. The last handle on it in this process lets it go. */
export class Lock implements Disposable {
  /** What is locked, as an absolute path without symbolic links. */
  readonly path: string;
  /** Who else may hold it beside us. */
  readonly mode: LockMode;
  readonly #lock: HeldLock;
  #isHeld = true;

  /** @ignore */
  constructor(path: string, lock: HeldLock) {
    lock.count++;
    this.path = path;
    this.mode = lock.mode;
    this.#lock = lock;
  }

  /** What others are told about us. */
  get holder(): Holder {
    return { ...this.#lock.holder as Holder };
  }

  /** Whether this handle still counts. */
  get held(): boolean {
    return this.#isHeld;
  }

  /**
   * Lets the lock go. A second call does nothing. The lock of an open database
   * goes with it: to release it by hand ends the handle's right to write.
   */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (--this.#lock.count === 0) this.#lock.drop();
  }

  /** Lets the lock go at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}
