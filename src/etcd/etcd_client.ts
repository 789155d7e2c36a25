/**
 * Asks etcd, by its JSON gateway; one member after the other.
 *
 * @module
 */

import { type Incoming, type Sender, sender } from "../os/http.ts";
import {
  allFailed,
  Failure,
  type Hide,
  isPassing,
  malformed,
  quote,
  readError,
  readNetworkError,
} from "./etcd_errors.ts";
import { lines, readText } from "./json_answer.ts";
import { type Json, parseObject } from "./json_shapes.ts";
import type { LeaseAuth, LeaseSettings } from "./lease_options.ts";
import { type Moment, moment } from "./lease_term.ts";
import { printable } from "../printable.ts";
import { hider } from "./secrets.ts";
import {
  limited,
  type Patience,
  shareOf,
  type TimeLimit,
} from "./time_limit.ts";

const LOGIN_MS = 2000;

// A watch of one key says a few lines; who says more would have us read on and
// on, as long as we wait.
const MOST_OF_A_WATCH = 64 * 1024;

/**
 * Makes something of an answer.
 *
 * @param sent From before the request that was answered.
 * @throws {Failure} If it is not what etcd would answer.
 */
export type Reader<T> = (json: Json, sent: Moment) => T;

/** Talks with the members of one etcd. */
export class EtcdClient {
  readonly #endpoints: string[];
  readonly #auth: LeaseAuth | null;
  readonly #sender: Sender;
  #current: number;
  #token: string | null = null;
  #hide: Hide;

  /** @throws {Failure} If the certificates cannot be read. */
  constructor(settings: Pick<LeaseSettings, "endpoints" | "auth" | "tls">) {
    this.#endpoints = settings.endpoints;
    this.#auth = settings.auth;
    this.#hide = hider([this.#auth?.password ?? null]);
    try {
      this.#sender = sender(settings.tls);
    } catch (error) {
      const { message } = readNetworkError("https:", error, this.#hide);
      throw new Failure("tls", message);
    }
    // Not everybody at the first one.
    this.#current = Math.floor(Math.random() * this.#endpoints.length);
  }

  /**
   * Asks each member once, beginning with the one that answered last.
   *
   * @throws {Failure} If none answers, or one refuses.
   */
  async ask<T>(
    path: string,
    body: Json,
    patience: Patience,
    read: Reader<T>,
  ): Promise<T> {
    const failures: { endpoint: string; failure: Failure }[] = [];
    for (let left = this.#endpoints.length; left > 0; left--) {
      const endpoint = this.#endpoint;
      try {
        const share = shareOf(patience, left);
        return await this.#askOne(endpoint, path, body, share, read);
      } catch (error) {
        patience.signal?.throwIfAborted();
        const failure = error as Failure;
        // So that who asks again asks another.
        this.#next();
        if (failure.kind === "malformed") {
          throw malformed(`${endpoint}: ${failure.message}`);
        }
        if (!isPassing(failure) && failure.kind !== "tls") throw failure;
        failures.push({ endpoint, failure });
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
      const reply = await this.#post(this.#endpoint, "/v3/watch", {
        create_request: create,
      }, limit);
      if (reply.status !== 200) return;
      for await (const line of lines(reply, limit, MOST_OF_A_WATCH)) {
        const message = parseObject(line);
        if (message === null) return;
        yield message;
      }
    } catch {
      // The caller looks for itself what has become of the key.
      if (!limit.signal.aborted) this.#next();
    } finally {
      limit.end();
    }
  }

  #next(): void {
    this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  /** Closes what it keeps open. */
  close(): void {
    this.#sender.close();
  }

  get #endpoint(): string {
    return this.#endpoints[this.#current] as string;
  }

  async #askOne<T>(
    endpoint: string,
    path: string,
    body: Json,
    patience: Patience,
    read: Reader<T>,
  ): Promise<T> {
    for (let again = false;; again = true) {
      let limit: TimeLimit | undefined;
      try {
        await this.#logIn(endpoint, patience);
        limit = limited(patience);
        const sent = moment();
        const reply = await this.#post(endpoint, path, body, limit);
        return read(await this.#jsonOf(reply, limit), sent);
      } catch (error) {
        const failure = limit?.explain(endpoint, error, this.#hide) ??
          error as Failure;
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
  async #logIn(endpoint: string, patience: Patience): Promise<void> {
    if (this.#auth === null || this.#token !== null) return;
    const { user: name, password } = this.#auth;
    const each = Math.max(2 * patience.each, LOGIN_MS);
    const limit = limited({ ...patience, each });
    try {
      const path = "/v3/auth/authenticate";
      const reply = await this.#post(endpoint, path, { name, password }, limit);
      const { token } = await this.#jsonOf(reply, limit);
      // It becomes a header, where a line end would begin another one.
      if (typeof token !== "string" || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
        throw malformed("its token is none that a header can carry");
      }
      this.#token = token;
      this.#hide = hider([password, token]);
    } catch (error) {
      throw limit.explain(endpoint, error, this.#hide);
    } finally {
      limit.end();
    }
  }

  async #jsonOf(reply: Incoming, limit: TimeLimit): Promise<Json> {
    const text = await readText(reply, limit);
    const json = parseObject(text);
    // A stream, such as that of a renewal, tells its errors with status 200.
    if (reply.status !== 200 || json?.["error"] !== undefined) {
      throw readError(reply.status, text, this.#hide);
    }
    if (json !== null) return json;
    throw new Failure("version", `it said ${quote(text, this.#hide)}`);
  }

  #post(
    endpoint: string,
    path: string,
    body: Json,
    limit: TimeLimit,
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
      const url = `${endpoint}/version`;
      const get = { method: "GET", headers: {}, signal: limit.signal } as const;
      const reply = await limit.race(this.#sender.send(url, get));
      const { etcdserver } = await this.#jsonOf(reply, limit);
      const version = typeof etcdserver === "string"
        ? printable(this.#hide(etcdserver), 40)
        : "of no version";
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
