/**
 * The story of one lease: a grant, a place in the queue, a wait.
 *
 * @module
 */

import { now } from "../os/waiting.ts";
import { Client } from "./client.ts";
import { isGone, isPassing, toPublic } from "./failure.ts";
import { askPatienceOf, Keeper } from "./keeper.ts";
import { Lease } from "./lease.ts";
import {
  type LeaseOptions,
  type LeaseSettings,
  leaseSettings,
} from "./options.ts";
import { type Place, Queue } from "./queue.ts";
import { ownRecord, readHolder } from "./record.ts";
import { refusal } from "./words.ts";

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
 * @throws {LitelatchError} `LITELATCH_ETCD` if etcd cannot be reached, or does
 * not let us in.
 * @throws {UnsupportedError} If what answers is not etcd 3.4 or newer.
 * @throws {TypeError} If an option is missing, misspelt or has a wrong value.
 *
 * @example One host at a time writes
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { acquireLease } from "@litelatch/litelatch/etcd";
 *
 * const endpoints = ["http://127.0.0.1:2379"];
 * const lease = await acquireLease("orders", { endpoints, wait: 60_000 });
 * const db = open(":memory:", { lease, fencing: true });
 * db.write(() => db.exec("CREATE TABLE IF NOT EXISTS item (name TEXT)"));
 * db.close();
 * await lease.release();
 * ```
 */
export async function acquireLease(
  name: string,
  options: LeaseOptions,
): Promise<Lease> {
  const settings = leaseSettings(name, options);
  const client = new Client(settings);
  const start = now();
  try {
    for (;;) {
      const lease = await attempt(name, settings, client, start);
      if (lease !== null) return lease;
      // It ran out while we waited, say in a suspended machine: so did our
      // place, and we queue again.
    }
  } catch (error) {
    client.close();
    settings.signal?.throwIfAborted();
    throw toPublic(name, error);
  }
}

async function attempt(
  name: string,
  settings: LeaseSettings,
  client: Client,
  start: number,
): Promise<Lease | null> {
  const { mode, app, purpose, ttlSeconds, wait } = settings;
  const signal = settings.signal ?? undefined;
  signal?.throwIfAborted();
  const left = (): number => wait - (now() - start);
  const patience = { each: askPatienceOf(ttlSeconds * 1000), signal };

  const keeper = await insist(
    () => Keeper.grant(client, name, ttlSeconds, signal),
    left,
    patience,
  );
  const queue = new Queue(client, name, mode, keeper.id);
  try {
    let record = ownRecord(mode, app, purpose);
    const place = await insist(
      () => queue.enter(record, wait > 0, patience),
      left,
      patience,
    );
    const stood = place === null
      ? "refused"
      : place.first
      ? "first"
      : await stand(queue, place, keeper, left, patience);
    if (place === null || stood === "refused") {
      const { holders, waiting } = await queue.holders(patience);
      throw refusal(name, mode, holders, waiting, now() - start);
    }
    if (stood === "waited") {
      record = ownRecord(mode, app, purpose);
      await queue.update(place, record, patience).catch(() => {});
    }
    keeper.guard(queue, place);
    if (stood !== "gone" && keeper.held) {
      const holder = readHolder(record, mode);
      if (holder !== null) {
        return new Lease(name, place, holder, keeper, client);
      }
    }
  } catch (error) {
    await keeper.release();
    // No member answered for longer than it lasts.
    if (isGone(error) && left() > 0) return null;
    throw error;
  }
  await keeper.release();
  return null;
}

/** Waits until nobody is in the way. */
async function stand(
  queue: Queue,
  place: Place,
  keeper: Keeper,
  left: () => number,
  patience: { each: number; signal: AbortSignal | undefined },
): Promise<"first" | "waited" | "refused" | "gone"> {
  for (let waited = false;; waited = true) {
    const standing = await insist(
      () => queue.look(place, patience),
      left,
      patience,
    );
    if (standing.is === "gone" || !keeper.held) return "gone";
    if (standing.is === "first") return waited ? "waited" : "first";
    const rest = left();
    if (rest <= 0) return "refused";
    // A watch may be silent for ever, on a member that is cut off: so it is
    // never believed for longer than this.
    const each = Math.min(rest, keeper.ttl / 3);
    const began = now();
    const { signal } = patience;
    await queue.watch(standing.key, standing.revision, { each, signal });
    signal?.throwIfAborted();
    if (now() - began < SOON_MS) await pause(SOON_MS, signal);
  }
}

// So that a watch which fails at once is no busy loop.
const SOON_MS = 10;

/** Asks again while no member answers, as long as we may wait. */
async function insist<T>(
  ask: () => Promise<T>,
  left: () => number,
  { signal }: { signal: AbortSignal | undefined },
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error) || left() <= 0) throw error;
    }
    await pause(Math.min(left(), 100 + Math.random() * 200), signal);
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
