/**
 * How a lease is taken: a grant, a place in the queue, a wait.
 *
 * @module
 */

import { requireRuntime } from "../driver/runtime.ts";
import { now } from "../os/clock.ts";
import { EtcdClient } from "./etcd_client.ts";
import { Failure, isGone, isPassing, toPublic } from "./etcd_errors.ts";
import { Lease } from "./lease_handle.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import { leaseRefusal } from "./lease_messages.ts";
import {
  type LeaseOptions,
  type LeaseSettings,
  leaseSettings,
} from "./lease_options.ts";
import { type Company, LeaseQueue, type Place } from "./lease_queue.ts";
import { ownRecord, readHolder } from "./lease_record.ts";
import { type Patience, pause } from "./time_limit.ts";

// How long one member may take for one answer.
const ASK_MS = 2000;

// How long all answers together may take, where we are not to wait as long.
const ANSWER_MS = 4000;

// How long it may take after that to say who holds it, and to clear up.
const LAST_MS = 1000;

// The shortest time from one look at the queue to the next.
const SOON_MS = 10;

/**
 * Takes a lease that every process of every host respects which asks the same
 * etcd for the same name. Who comes first is served first; whoever only reads
 * may ask for a shared one.
 *
 * The lease is renewed every third of its TTL, which keeps no process alive.
 * When the holder dies, etcd gives it to the next one after the TTL. When it
 * cannot be renewed, `held` turns false and `lost` is aborted before that.
 *
 * @param name What to lock; any text.
 * @param options `endpoints` are needed. See {@linkcode LeaseOptions}.
 * @returns The lease; release it, or declare it with `await using`.
 * @throws {LockedError} If others hold it, and still do after `wait`.
 * @throws {LitelatchError} `LITELATCH_ETCD` if etcd cannot be reached, does not
 * let us in, answers too slowly, or answers what etcd would not.
 * @throws {UnsupportedError} If what answers is not etcd 3.4 or newer, or on a
 * runtime that is none of ours, or too old.
 * @throws {TypeError} If an option is missing, misspelt or has a wrong value.
 *
 * @example One host at a time writes
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { acquireLease, fenced } from "@litelatch/litelatch/etcd";
 *
 * const endpoints = ["http://127.0.0.1:2379"];
 * const lease = await acquireLease("orders", { endpoints, wait: 60_000 });
 * const db = open("orders.db", { lease: fenced(lease) });
 * db.write(() => db.exec("CREATE TABLE IF NOT EXISTS item (name TEXT)"));
 * db.close();
 * await lease.release();
 * ```
 */
export async function acquireLease(
  name: string,
  options: LeaseOptions,
): Promise<Lease> {
  requireRuntime();
  const settings = leaseSettings(name, options);
  let client: EtcdClient | undefined;
  try {
    client = new EtcdClient(settings);
    return await new Acquisition(name, settings, client).run();
  } catch (error) {
    client?.close();
    settings.signal?.throwIfAborted();
    throw toPublic(name, error);
  }
}

/** One call, with one deadline for all of its questions. */
class Acquisition {
  readonly #name: string;
  readonly #settings: LeaseSettings;
  readonly #client: EtcdClient;
  readonly #start = now();
  readonly #signal: AbortSignal | undefined;
  /** Ends when the call has to, so each question gets what is left. */
  readonly #patience: Patience;

  constructor(name: string, settings: LeaseSettings, client: EtcdClient) {
    this.#name = name;
    this.#settings = settings;
    this.#client = client;
    this.#signal = settings.signal ?? undefined;
    this.#patience = {
      each: ASK_MS,
      until: this.#start + Math.max(settings.wait, ANSWER_MS),
      signal: this.#signal,
    };
  }

  async run(): Promise<Lease> {
    for (;;) {
      const lease = await this.#attempt();
      if (lease !== null) return lease;
      // It ran out before we had it, say in a suspended machine: so did our
      // place, and we queue again.
      if (this.#left <= 0) throw this.#tooSlow();
      await this.#pauseAWhile();
    }
  }

  /** What is left of the wait, in milliseconds. */
  get #left(): number {
    return this.#settings.wait - (now() - this.#start);
  }

  async #attempt(): Promise<Lease | null> {
    const { ttlSeconds } = this.#settings;
    this.#signal?.throwIfAborted();
    const keeper = await this.#insist(() =>
      LeaseKeeper.grant(this.#client, this.#name, ttlSeconds, this.#patience)
    );
    let lease: Lease | null = null;
    try {
      lease = await this.#queueUp(keeper);
    } catch (error) {
      // No member answered for longer than it lasts.
      if (!isGone(error)) throw error;
    } finally {
      if (lease === null) await keeper.release(LAST_MS);
    }
    return lease;
  }

  /** Takes a place and waits; `null` if the lease ran out meanwhile. */
  async #queueUp(keeper: LeaseKeeper): Promise<Lease | null> {
    const { mode, app, purpose, wait } = this.#settings;
    const queue = new LeaseQueue(this.#client, this.#name, mode, keeper.id);
    let record = ownRecord(mode, app, purpose);
    const place = await this.#insist(() =>
      queue.enter(record, wait > 0, this.#patience)
    );
    if (place === null) throw await this.#refusal(queue, keeper);
    const stood = place.first
      ? "first"
      : await this.#stand(queue, place, keeper);
    if (stood === "refused") throw await this.#refusal(queue, keeper);
    if (stood === "waited") {
      // Since when it is held is for others to read, and worth no failure.
      record = ownRecord(mode, app, purpose);
      await queue.update(place, record, this.#last()).catch(() => {});
    }
    keeper.guard(queue, place);
    const holder = readHolder(record, mode);
    if (stood === "gone" || !keeper.held || holder === null) return null;
    return new Lease(this.#name, place, holder, keeper, this.#client);
  }

  /** Waits until nobody is in the way. */
  async #stand(
    queue: LeaseQueue,
    place: Place,
    keeper: LeaseKeeper,
  ): Promise<"first" | "waited" | "refused" | "gone"> {
    let before = "";
    let inVain = 0;
    for (let waited = false;; waited = true) {
      const standing = await this.#insist(() =>
        queue.look(place, this.#patienceForALook())
      );
      if (standing.is === "gone" || !keeper.held) return "gone";
      if (standing.is === "first") return waited ? "waited" : "first";
      if (this.#left <= 0) return "refused";
      // A watch may be silent for ever, on a member that is cut off: so it is
      // never believed for longer than this.
      const each = Math.min(this.#left, keeper.ttl / 3);
      const began = now();
      const patience = { each, signal: this.#signal };
      await queue.watch(standing.key, standing.revision, patience);
      this.#signal?.throwIfAborted();
      if (this.#left <= 0) return "refused";
      // A watch that fails at once, or says again and again what is not true,
      // is no busy loop.
      inVain = standing.key === before ? inVain + 1 : 0;
      before = standing.key;
      const least = SOON_MS * 2 ** Math.min(inVain, 5);
      if (now() - began < least) {
        await pause(Math.min(this.#left, least), this.#signal);
        if (this.#left <= 0) return "refused";
      }
    }
  }

  /** Lets our place go, and says who has the lease. */
  async #refusal(queue: LeaseQueue, keeper: LeaseKeeper): Promise<Error> {
    const waited = now() - this.#start;
    const released = keeper.release(LAST_MS);
    const unknown: Company = { holders: [], waiting: 0, more: false };
    const company = await queue.holders(this.#last()).catch(() => unknown);
    await released;
    this.#signal?.throwIfAborted();
    return leaseRefusal(this.#name, this.#settings.mode, company, waited);
  }

  /** Asks again while no member answers, as long as we may wait. */
  async #insist<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (!isPassing(error) || this.#left <= 0) throw error;
      }
      await this.#pauseAWhile();
    }
  }

  /** By chance, so that those that failed together do not stay together. */
  async #pauseAWhile(): Promise<void> {
    const ms = Math.min(this.#left, 100 + Math.random() * 200);
    await pause(ms, this.#signal);
    this.#signal?.throwIfAborted();
  }

  /** For the last questions, when the deadline may have passed. */
  #last(): Patience {
    const until = now() + LAST_MS;
    return { each: LAST_MS, until, signal: this.#signal };
  }

  /** A look that begins just before the end of the wait gets its answer. */
  #patienceForALook(): Patience {
    const { until = 0 } = this.#patience;
    const least = now() + LAST_MS;
    return { ...this.#patience, until: Math.max(until, least) };
  }

  #tooSlow(): Failure {
    const ms = Math.round(now() - this.#start);
    return new Failure(
      "slow",
      `a lease with a TTL of ${this.#settings.ttlSeconds} s ran out in etcd, ` +
        `or was about to, before it was ours, ${ms} ms after we began`,
    );
  }
}
