/**
 * Keeps a lease of etcd alive, and knows whether it is.
 *
 * @module
 */

import { LockLostError } from "../errors.ts";
import type { Answer, Client } from "./client.ts";
import { isPassing } from "./failure.ts";
import type { Place, Queue } from "./queue.ts";
import { Term } from "./term.ts";
import { type Loss, lossText } from "./words.ts";

// With three members, each can be asked three times before the term is over.
const SHARE_OF_TTL = 1 / 10;
const LEAST_PATIENCE_MS = 250;
const MOST_PATIENCE_MS = 2000;

/** One lease, from its grant to its end. */
export class Keeper {
  /** The number of the lease, as etcd writes it: it has 64 bits. */
  readonly id: string;
  readonly #client: Client;
  readonly #name: string;
  readonly #ttl: number;
  readonly #term: Term;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  #place: { queue: Queue; place: Place } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #failure: Error | null = null;

  private constructor(client: Client, name: string, { json, sent }: Answer) {
    this.#client = client;
    this.#name = name;
    this.id = String(json["ID"]);
    // It may be longer than what was asked for, never shorter.
    this.#ttl = Number(json["TTL"]) * 1000;
    this.#term = new Term(sent, this.#ttl);
    this.#plan(this.#ttl / 3);
    this.#watchTheTerm();
  }

  /** Asks etcd for a lease, and keeps it from then on. */
  static async grant(
    client: Client,
    name: string,
    ttlSeconds: number,
    signal: AbortSignal | undefined,
  ): Promise<Keeper> {
    const patience = { each: askPatienceOf(ttlSeconds * 1000), signal };
    const body = { TTL: String(ttlSeconds) };
    const answer = await client.ask("/v3/lease/grant", body, patience);
    return new Keeper(client, name, answer);
  }

  /** How long it outlives us, in milliseconds. */
  get ttl(): number {
    return this.#ttl;
  }

  /** Aborted when it is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether it stands, by a look at the clocks. */
  get held(): boolean {
    if (this.#stop.signal.aborted) return false;
    const over = this.#term.over();
    if (over !== null) this.#lose(over);
    return over === null;
  }

  /** From now on, the key must be there as well. */
  guard(queue: Queue, place: Place): void {
    this.#place = { queue, place };
  }

  /** Ends it: etcd forgets the lease and its key, now or after the TTL. */
  async release(): Promise<void> {
    this.#end();
    const each = patienceOf(this.#ttl);
    try {
      await this.#client.ask("/v3/lease/revoke", { ID: this.id }, { each });
    } catch {
      // Then it runs out by itself.
    }
  }

  async #renew(): Promise<void> {
    if (!this.held) return;
    const patience = {
      each: patienceOf(this.#ttl),
      signal: this.#stop.signal,
    };
    try {
      const body = { ID: this.id };
      const answer = await this.#client.ask(
        "/v3/lease/keepalive",
        body,
        patience,
      );
      // An answer that comes after the term does not bring it back.
      if (!this.held) return;
      const { TTL } = (answer.json["result"] ?? {}) as { TTL?: string };
      if (TTL === undefined) return this.#lose("revoked");
      this.#term.renew(answer.sent, Number(TTL) * 1000);
      this.#watchTheTerm();
      this.#failure = null;
      const { queue, place } = this.#place ?? {};
      if (queue !== undefined && place !== undefined) {
        const standing = await queue.look(place, patience);
        if (standing.is === "gone") return this.#lose("deleted");
      }
      // With jitter, so that those that began together do not stay together.
      this.#plan(this.#ttl / 3 * (0.9 + Math.random() * 0.1));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#failure = error as Error;
      const pause = this.#ttl / (isPassing(error) ? 40 : 10);
      this.#plan(pause * (0.5 + Math.random()));
    }
  }

  #plan(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renew(), delay);
    unref(this.#timer);
  }

  /** Tells of the loss on time, also when nobody asks. */
  #watchTheTerm(): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      if (this.held) this.#watchTheTerm();
    }, Math.max(1, this.#term.left));
    unref(this.#deadline);
  }

  #lose(loss: Loss): void {
    if (this.#stop.signal.aborted) return;
    this.#end();
    const text = lossText(this.#name, loss, {
      ttl: this.#ttl,
      elapsed: this.#term.elapsed(),
      failure: this.#failure,
    });
    this.#lost.abort(new LockLostError(text));
  }

  #end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#stop.abort();
  }
}

/** How long one member may take to answer. */
export function patienceOf(ttl: number): number {
  const share = ttl * SHARE_OF_TTL;
  return Math.min(Math.max(share, LEAST_PATIENCE_MS), MOST_PATIENCE_MS);
}

/** The same where nothing is held yet that could be lost meanwhile. */
export function askPatienceOf(ttl: number): number {
  return Math.max(2 * patienceOf(ttl), 2000);
}

function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.();
}
