/**
 * Who comes first: etcd's own recipe for locks.
 *
 * Every asker has a key under one prefix, bound to its lease, and etcd numbers
 * the keys in the order of their creation. An exclusive asker waits until no
 * older key is left, a shared one until no older exclusive key is left. Each
 * watches only the last key that is in its way, so one release wakes one.
 *
 * @module
 */

import type { Holder, LockMode } from "../options.ts";
import type { Client } from "./client.ts";
import type { Json, Patience } from "./exchange.ts";
import { readHolder } from "./record.ts";

/** Our place in the queue. */
export interface Place {
  /** The key, in full. */
  key: string;
  /** The revision at which it was created: it orders all keys of one etcd. */
  created: number;
  /** Whether nobody was in the way when it was taken. */
  first: boolean;
}

/** How a step ended. */
export type Standing =
  | { is: "first" }
  | { is: "gone" }
  | { is: "behind"; key: string; revision: string };

/** The keys of one name. */
export class Queue {
  readonly #client: Client;
  readonly #prefix: string;
  readonly #mode: LockMode;
  readonly #key: string;
  readonly #lease: string;

  constructor(client: Client, name: string, mode: LockMode, lease: string) {
    this.#client = client;
    this.#mode = mode;
    this.#lease = lease;
    // Escaped, so that no name is a prefix of another's keys.
    this.#prefix = `litelatch/1/${encodeURIComponent(name)}/`;
    this.#key = `${this.#prefix}${mode}/${lease}`;
  }

  /**
   * Takes a place: the first one, or with `wait` any.
   *
   * Asking twice is harmless, so it may be sent to a second member when the
   * first does not answer: the key keeps its creation revision.
   *
   * @returns `null` if somebody is in the way, and we do not wait.
   */
  async enter(
    record: string,
    wait: boolean,
    patience: Patience,
  ): Promise<Place | null> {
    const put = { request_put: this.#put(record) };
    const own = {
      request_range: { key: encode(this.#key), keys_only: true },
    };
    const { json } = await this.#client.ask("/v3/kv/txn", {
      compare: [{
        ...range(this.#inTheWay),
        target: "CREATE",
        result: "EQUAL",
        create_revision: "0",
      }],
      success: [put, own],
      failure: wait ? [put, own] : [own],
    }, patience);
    const found = keysOf(lastOf(json["responses"])["response_range"])[0];
    return found === undefined ? null : {
      key: this.#key,
      created: found.created,
      first: json["succeeded"] !== undefined,
    };
  }

  /** Where a place stands now. */
  async look(place: Place, patience: Patience): Promise<Standing> {
    const { json } = await this.#client.ask("/v3/kv/txn", {
      compare: [this.#isOurs(place)],
      success: [{
        request_range: {
          ...range(this.#inTheWay),
          max_create_revision: String(place.created - 1),
          sort_target: "CREATE",
          sort_order: "DESCEND",
          limit: "1",
          keys_only: true,
        },
      }],
      failure: [],
    }, patience);
    if (!json["succeeded"]) return { is: "gone" };
    const before = keysOf(lastOf(json["responses"])["response_range"])[0];
    if (before === undefined) return { is: "first" };
    const revision = String((json["header"] as Json)["revision"]);
    return { is: "behind", key: before.key, revision };
  }

  /** Ends when a key is deleted; also when nobody would tell us if it were. */
  async watch(key: string, since: string, patience: Patience): Promise<void> {
    const create = {
      key: encode(key),
      // What happened since we looked is told first. If that was compacted
      // away, etcd says so, and the caller looks again.
      start_revision: String(BigInt(since) + 1n),
      filters: ["NOPUT"],
    };
    for await (
      const { result, error } of this.#client.watch(create, patience)
    ) {
      if (error !== undefined) return;
      const { events, canceled } = (result ?? {}) as Json;
      if (events !== undefined || canceled !== undefined) return;
    }
  }

  /** Writes the record anew; whether the place is still ours. */
  async update(
    place: Place,
    record: string,
    patience: Patience,
  ): Promise<boolean> {
    const { json } = await this.#client.ask("/v3/kv/txn", {
      compare: [this.#isOurs(place)],
      success: [{ request_put: this.#put(record) }],
      failure: [],
    }, patience);
    return json["succeeded"] !== undefined;
  }

  /** Who holds it now, and how many wait. */
  async holders(
    patience: Patience,
  ): Promise<{ holders: Holder[]; waiting: number }> {
    const { json } = await this.#client.ask("/v3/kv/range", {
      ...range(this.#prefix),
      sort_target: "CREATE",
      sort_order: "ASCEND",
    }, patience);
    const others = keysOf(json).filter(({ key }) => key !== this.#key);
    const exclusive = others.findIndex(({ key }) =>
      this.#modeOf(key) !== "shared"
    );
    const holding = exclusive === 0
      ? others.slice(0, 1)
      : exclusive === -1
      ? others
      : others.slice(0, exclusive);
    const holders = holding
      .map(({ key, value }) => readHolder(value, this.#modeOf(key)))
      .filter((holder) => holder !== null);
    return { holders, waiting: others.length - holding.length };
  }

  get #inTheWay(): string {
    return this.#mode === "exclusive"
      ? this.#prefix
      : `${this.#prefix}exclusive/`;
  }

  #modeOf(key: string): LockMode {
    return key.startsWith(`${this.#prefix}shared/`) ? "shared" : "exclusive";
  }

  #put(record: string): Json {
    const [key, value] = [encode(this.#key), encode(record)];
    return { key, value, lease: this.#lease };
  }

  #isOurs({ key, created }: Place): Json {
    return {
      key: encode(key),
      target: "CREATE",
      result: "EQUAL",
      create_revision: String(created),
    };
  }
}

interface Key {
  key: string;
  value: string;
  created: number;
}

function keysOf(answer: Json[string]): Key[] {
  const kvs = (answer as Json | undefined)?.["kvs"] as Json[] | undefined;
  return (kvs ?? []).map((kv) => ({
    key: decode(kv["key"]),
    value: decode(kv["value"]),
    created: Number(kv["create_revision"]),
  }));
}

function lastOf(responses: Json[string]): Json {
  return (responses as Json[] | undefined)?.at(-1) ?? {};
}

/** All keys with a prefix, which ends in a slash: "0" is what follows it. */
function range(prefix: string): Json {
  const end = `${prefix.slice(0, -1)}0`;
  return { key: encode(prefix), range_end: encode(end) };
}

function encode(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function decode(base64: Json[string]): string {
  if (typeof base64 !== "string") return "";
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
