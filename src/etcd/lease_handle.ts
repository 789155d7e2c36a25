/**
 * The handle that a caller gets for a lease.
 *
 * @module
 */

import type {
  Attachment,
  Holder,
  LeasedDatabase,
  LeaseLike,
  LockMode,
} from "../options.ts";
import type { EtcdClient } from "./etcd_client.ts";
import type { LeaseKeeper } from "./lease_keeper.ts";
import type { Place } from "./lease_queue.ts";
import { type Standing, standing } from "./standing.ts";

/**
 * A lease that is held, until it is released or lost. Every call of
 * {@linkcode acquireLease} is a holder of its own, also within one process.
 *
 * @example Stop when it is lost
 * ```ts
 * import { acquireLease } from "@litelatch/litelatch/etcd";
 *
 * const lease = await acquireLease("nightly-report", {
 *   endpoints: ["http://127.0.0.1:2379"],
 * });
 * console.log(lease.fence, lease.held);
 * await lease.release();
 * ```
 */
export class Lease implements LeaseLike, Standing, Disposable, AsyncDisposable {
  /** The name that was given. */
  readonly path: string;
  /** Who else may hold it beside us. */
  readonly mode: LockMode;
  /**
   * A number that only grows: of two holders that exclude each other, the
   * later one has the greater. It is etcd's revision at which our key was
   * created.
   */
  readonly fence: number;
  readonly #holder: Holder;
  readonly #keeper: LeaseKeeper;
  readonly #client: EtcdClient;
  #released: Promise<void> | null = null;

  /** @ignore */
  constructor(
    path: string,
    place: Place,
    holder: Holder,
    keeper: LeaseKeeper,
    client: EtcdClient,
  ) {
    this.path = path;
    this.mode = holder.mode;
    this.fence = place.created;
    this.#holder = holder;
    this.#keeper = keeper;
    this.#client = client;
  }

  /** What others are told about us. */
  get holder(): Holder {
    return { ...this.#holder };
  }

  /**
   * Whether it stands at this moment, by our own clocks. It turns false before
   * the TTL has passed since the last renewal, and stays false.
   */
  get held(): boolean {
    return this.#released === null && this.#keeper.held;
  }

  /**
   * Aborted when the lease is lost, not when it is released. Its reason is a
   * `LockLostError` that says why. A process that blocks its event loop hears
   * of it late: ask {@linkcode Lease.held} before what matters.
   */
  get lost(): AbortSignal {
    return this.#keeper.lost;
  }

  /**
   * Lets the lease go. A second call does nothing.
   *
   * @returns When etcd has forgotten it, or after 5 s. Without an answer of etcd
   * it ends all the same, and etcd forgets it when the TTL has passed.
   */
  release(): Promise<void> {
    this.#released ??= this.#keeper.release()
      .finally(() => this.#client.close());
    return this.#released;
  }

  /** @ignore */
  attach(database: LeasedDatabase): Attachment {
    return standing(this, database);
  }

  /** Lets the lease go at the end of a `using` block, without waiting. */
  [Symbol.dispose](): void {
    void this.release();
  }

  /** Lets the lease go at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
