/**
 * Keeps a lease of etcd alive, and knows whether it is.
 *
 * @module
 */

import { LockLostError } from "../errors.ts";
import { now, unkept } from "../os/clock.ts";
import type { EtcdClient } from "./etcd_client.ts";
import { isPassing, malformed } from "./etcd_errors.ts";
import { objectOf, positive } from "./json_shapes.ts";
import { type Loss, lossText } from "./lease_messages.ts";
import type { LeaseQueue, Place } from "./lease_queue.ts";
import { type Moment, Term } from "./lease_term.ts";
import type { Patience } from "./time_limit.ts";

// With three members, each can be asked three times before the term is over.
const SHARE_OF_TTL = 1 / 10;
const LEAST_PATIENCE_MS = 250;
const MOST_PATIENCE_MS = 2000;

// For all members together.
const RELEASE_MS = 5000;

/**
 * etcd raises a TTL to one and a half of its election timeout, which it lets
 * nobody set above 50 s (etcd's server/embed/config.go, maxElectionMs).
 */
const MOST_RAISED_S = 75;

/** One lease, from its grant to its end. */
export class LeaseKeeper {
  /** The number of the lease, as etcd writes it: it has 64 bits. */
  readonly id: string;
  /** How long it outlives us, in milliseconds. */
  readonly ttl: number;
  readonly #client: EtcdClient;
  readonly #name: string;
  readonly #term: Term;
  readonly #losing = new AbortController();
  /** Aborted when it is lost. */
  readonly lost: AbortSignal = this.#losing.signal;
  readonly #stop = new AbortController();
  #place: { queue: LeaseQueue; place: Place } | null = null;
  #stopTimer: () => void = () => {};
  #stopDeadline: () => void = () => {};
  #failure: Error | null = null;
  #released: Promise<void> | null = null;

  private constructor(
    client: EtcdClient,
    name: string,
    { id, ttl, sent }: { id: string; ttl: number; sent: Moment },
  ) {
    this.#client = client;
    this.#name = name;
    this.id = id;
    this.ttl = ttl;
    this.#term = new Term(sent, ttl);
    this.#plan(ttl / 3);
    this.#watchTheTerm();
  }

  /**
   * Asks etcd for a lease, and keeps it from then on.
   *
   * @throws {Failure} If what is granted is no lease, or is one that would
   * never end, or that ended before it began.
   */
  static async grant(
    client: EtcdClient,
    name: string,
    ttlSeconds: number,
    patience: Patience,
  ): Promise<LeaseKeeper> {
    const body = { TTL: String(ttlSeconds) };
    return await client.ask("/v3/lease/grant", body, patience, (json, sent) => {
      const id = positive(json["ID"]);
      if (id === null) {
        throw malformed("it granted a lease whose ID is no decimal number");
      }
      // It may be longer than what was asked for.
      const most = Math.max(ttlSeconds, MOST_RAISED_S);
      const ttl = millisecondsOf(json["TTL"], most * 1000);
      return new LeaseKeeper(client, name, { id, ttl, sent });
    });
  }

  /** Whether it stands, by a look at the clocks. */
  get held(): boolean {
    if (this.#stop.signal.aborted) return false;
    const over = this.#term.over();
    if (over !== null) this.#lose(over);
    return over === null;
  }

  /** From now on, the key must be there as well. */
  guard(queue: LeaseQueue, place: Place): void {
    this.#place = { queue, place };
  }

  /**
   * Ends it: etcd forgets the lease and its key, now or after the TTL. A second
   * call waits for the same.
   *
   * @param ms How long all members together may take to answer.
   */
  release(ms = RELEASE_MS): Promise<void> {
    this.#released ??= this.#revoke(ms);
    return this.#released;
  }

  async #revoke(ms: number): Promise<void> {
    this.#end();
    const each = Math.min(ms, patienceOf(this.ttl));
    const patience = { each, until: now() + ms };
    const body = { ID: this.id };
    // If that fails, it runs out by itself.
    await this.#client.ask("/v3/lease/revoke", body, patience, () => {})
      .catch(() => {});
  }

  async #renew(): Promise<void> {
    if (!this.held) return;
    const patience = {
      each: patienceOf(this.ttl),
      signal: this.#stop.signal,
    };
    try {
      const renewed = await this.#ask(patience);
      // An answer that comes after the term does not bring it back.
      if (!this.held) return;
      if (renewed === null) return this.#lose("revoked");
      // A leader that is cut off still renews for a while, and does not answer
      // this: so a term begins anew only when the key was seen as well.
      const { queue, place } = this.#place ?? {};
      if (queue !== undefined && place !== undefined) {
        const standing = await queue.look(place, patience);
        if (!this.held) return;
        if (standing.is === "gone") return this.#lose("deleted");
      }
      this.#term.renew(renewed.sent, renewed.ttl);
      this.#watchTheTerm();
      this.#failure = null;
      // With jitter, so that those that began together do not stay together.
      this.#plan(this.ttl / 3 * (0.9 + Math.random() * 0.1));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#failure = error as Error;
      const pause = this.ttl / (isPassing(error) ? 40 : 10);
      this.#plan(pause * (0.5 + Math.random()));
    }
  }

  /** For how long it is renewed; `null` if etcd does not have it any more. */
  #ask(patience: Patience): Promise<{ sent: Moment; ttl: number } | null> {
    const body = { ID: this.id };
    return this.#client.ask(
      "/v3/lease/keepalive",
      body,
      patience,
      (json, sent) => {
        const result = objectOf(json["result"]) ?? {};
        if (result["ID"] !== this.id) {
          throw malformed("it renewed another lease than ours");
        }
        const { TTL } = result;
        if (TTL === undefined || TTL === "0") return null;
        return { sent, ttl: millisecondsOf(TTL, this.ttl) };
      },
    );
  }

  #plan(delay: number): void {
    this.#stopTimer();
    this.#stopTimer = unkept(setTimeout(() => void this.#renew(), delay));
  }

  /** Tells of the loss on time, also when nobody asks. */
  #watchTheTerm(): void {
    this.#stopDeadline();
    this.#stopDeadline = unkept(setTimeout(() => {
      if (this.held) this.#watchTheTerm();
    }, Math.max(1, this.#term.left)));
  }

  #lose(loss: Loss): void {
    if (this.#stop.signal.aborted) return;
    this.#end();
    const text = lossText(this.#name, loss, {
      ttl: this.ttl,
      elapsed: this.#term.elapsed(),
      failure: this.#failure,
    });
    this.#losing.abort(new LockLostError(text));
  }

  #end(): void {
    this.#stopTimer();
    this.#stopDeadline();
    this.#stop.abort();
  }
}

/** A TTL that can be believed, in milliseconds. */
function millisecondsOf(ttl: unknown, most: number): number {
  const seconds = positive(ttl);
  const milliseconds = Number(seconds) * 1000;
  if (seconds !== null && milliseconds <= most) return milliseconds;
  throw malformed(
    `it gave a lease a TTL that is no whole number from 1 to ${most / 1000} s`,
  );
}

/** How long one member may take to answer. */
function patienceOf(ttl: number): number {
  const share = ttl * SHARE_OF_TTL;
  return Math.min(Math.max(share, LEAST_PATIENCE_MS), MOST_PATIENCE_MS);
}
