/**
 * Asks etcd, by its JSON gateway; one member after the other.
 *
 * @module
 */

import { type Incoming, type Sender, sender } from "../os/http.ts";
import {
  type Json,
  type Limit,
  limited,
  lines,
  type Patience,
  read,
} from "./exchange.ts";
import { allFailed, Failure, isPassing } from "./failure.ts";
import type { LeaseAuth, LeaseSettings } from "./options.ts";
import { type Moment, moment } from "./term.ts";

const LOGIN_MS = 2000;

/** An answer. */
export interface Answer {
  json: Json;
  /** From before the request that was answered. */
  sent: Moment;
}

/** Talks with the members of one etcd. */
export class Client {
  readonly #endpoints: string[];
  readonly #auth: LeaseAuth | null;
  readonly #sender: Sender;
  #current: number;
  #token: string | null = null;

  constructor(settings: Pick<LeaseSettings, "endpoints" | "auth" | "tls">) {
    this.#endpoints = settings.endpoints;
    this.#auth = settings.auth;
    this.#sender = sender(settings.tls);
    // Not everybody at the first one.
    this.#current = Math.floor(Math.random() * this.#endpoints.length);
  }

  /**
   * Asks each member once, beginning with the one that answered last.
   *
   * @throws {Failure} If none answers, or one refuses.
   */
  async ask(path: string, body: Json, patience: Patience): Promise<Answer> {
    const failures: { endpoint: string; failure: Failure }[] = [];
    for (const _ of this.#endpoints) {
      const endpoint = this.#endpoint;
      try {
        return await this.#askOne(endpoint, path, body, patience);
      } catch (error) {
        patience.signal?.throwIfAborted();
        const failure = error as Failure;
        if (!isPassing(failure) && failure.kind !== "tls") throw failure;
        failures.push({ endpoint, failure });
        this.next();
      }
    }
    throw allFailed(failures);
  }

  /**
   * The messages of a watch, until it ends or fails, or `each` has passed;
   * never throws.
   */
  async *watch(create: Json, patience: Patience): AsyncGenerator<Json> {
    const limit = limited(patience);
    try {
      const body = { create_request: create };
      const path = "/v3/watch";
      const reply = await this.#send(this.#endpoint, path, body, limit);
      if (reply.status !== 200) return;
      for await (const line of lines(reply.chunks, limit)) {
        yield JSON.parse(line);
      }
    } catch {
      // The caller looks for itself what has become of the key.
      if (!limit.signal.aborted) this.next();
    } finally {
      limit.end();
    }
  }

  /** Turns to the next member. */
  next(): void {
    this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  /** Closes what it keeps open. */
  close(): void {
    this.#sender.close();
  }

  get #endpoint(): string {
    return this.#endpoints[this.#current] as string;
  }

  async #askOne(
    endpoint: string,
    path: string,
    body: Json,
    patience: Patience,
  ): Promise<Answer> {
    for (let again = false;; again = true) {
      let limit: Limit | undefined;
      try {
        await this.#logIn(endpoint, patience);
        limit = limited(patience);
        const sent = moment();
        const reply = await this.#send(endpoint, path, body, limit);
        return { json: await read(reply, limit), sent };
      } catch (error) {
        const failure = limit?.explain(endpoint, error) ?? error as Failure;
        if (failure.kind === "version") {
          throw await this.#explainVersion(endpoint, failure, patience);
        }
        if (failure.kind !== "token" || this.#auth === null || again) {
          throw failure;
        }
        this.#token = null;
      } finally {
        limit?.end();
      }
    }
  }

  /**
   * With a limit of its own: etcd hashes the password, which takes it longer
   * than anything else, and on a busy machine no renewal got through.
   */
  async #logIn(endpoint: string, { each, signal }: Patience): Promise<void> {
    if (this.#auth === null || this.#token !== null) return;
    const { user: name, password } = this.#auth;
    const limit = limited({ each: Math.max(2 * each, LOGIN_MS), signal });
    try {
      const path = "/v3/auth/authenticate";
      const body = { name, password };
      const reply = await this.#send(endpoint, path, body, limit);
      this.#token = String((await read(reply, limit))["token"]);
    } catch (error) {
      throw limit.explain(endpoint, error);
    } finally {
      limit.end();
    }
  }

  #send(
    endpoint: string,
    path: string,
    body: Json,
    limit: Limit,
  ): Promise<Incoming> {
    const headers: Record<string, string> = {
      "content-type": "application/json",
      // A member without a leader is to say so, not to keep us waiting.
      "grpc-metadata-hasleader": "true",
    };
    if (this.#token !== null) headers["authorization"] = this.#token;
    return limit.race(this.#sender.send(endpoint + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: limit.signal,
    }));
  }

  /** Somebody answered, but not as etcd 3.4 would. */
  async #explainVersion(
    endpoint: string,
    failure: Failure,
    patience: Patience,
  ): Promise<Failure> {
    const limit = limited(patience);
    try {
      const { signal } = limit;
      const outgoing = { method: "GET" as const, headers: {}, signal };
      const reply = await limit.race(
        this.#sender.send(`${endpoint}/version`, outgoing),
      );
      const json = await read(reply, limit);
      const version = String(json["etcdserver"] ?? "of no version");
      return new Failure("version", `${endpoint} is etcd ${version}`);
    } catch {
      return new Failure(
        "version",
        `${endpoint} does not answer like etcd (${failure.message})`,
      );
    } finally {
      limit.end();
    }
  }
}
