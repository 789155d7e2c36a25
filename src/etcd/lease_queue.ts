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
import type { EtcdClient } from "./etcd_client.ts";
import { malformed } from "./etcd_errors.ts";
import { type Json, listOf, objectOf } from "./json_shapes.ts";
import { encode, type Key, keysOf, range, revisionOf } from "./key_range.ts";
import { readHolder } from "./lease_record.ts";
import type { Patience } from "./time_limit.ts";

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
  | { is: "behind"; key: string; revision: number };

/** Who holds a lease, and how many wait for it. */
export interface Company {
  holders: Holder[];
  waiting: number;
  /** Whether there are more than were asked for. */
  more: boolean;
}

// Who is refused reads no more names than that; a thousand would be cut.
const MOST_NAMED = 100;

/** The keys of one name. */
export class LeaseQueue {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #mode: LockMode;
  readonly #key: string;
  readonly #lease: string;

  constructor(client: EtcdClient, name: string, mode: LockMode, lease: string) {
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
    const body = {
      // Neither our key, from a question whose answer was lost, nor one that
      // is in our way.
      compare: [
        isAbsent({ key: encode(this.#key) }),
        isAbsent(range(this.#inTheWay)),
      ],
      success: [put, own],
      failure: wait ? [put, own] : [own],
    };
    return await this.#client.ask("/v3/kv/txn", body, patience, (json) => {
      const first = hasSucceeded(json);
      const found = lastKeys(json)[0];
      if (found === undefined && !first && !wait) return null;
      if (found?.key !== this.#key || found.created > revisionOf(json)) {
        throw malformed("it did not tell of the key that it was to create");
      }
      return { key: this.#key, created: found.created, first };
    });
  }

  /** Where a place stands now. */
  async look(place: Place, patience: Patience): Promise<Standing> {
    const body = {
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
    };
    return await this.#client.ask("/v3/kv/txn", body, patience, (json) => {
      const revision = revisionOf(json);
      if (revision < place.created) {
        throw malformed("its revision is lower than it was");
      }
      if (!hasSucceeded(json)) return { is: "gone" };
      const before = lastKeys(json)[0];
      if (before === undefined) return { is: "first" };
      if (
        !before.key.startsWith(this.#inTheWay) ||
        before.created >= place.created
      ) {
        throw malformed("it told of a key that is not in our way");
      }
      return { is: "behind", key: before.key, revision };
    });
  }

  /** Ends when a key is deleted; also when nobody would tell us if it were. */
  async watch(key: string, since: number, patience: Patience): Promise<void> {
    const create = {
      key: encode(key),
      // What happened since we looked is told first. If that was compacted
      // away, etcd says so, and the caller looks again.
      start_revision: String(since + 1),
      filters: ["NOPUT"],
    };
    for await (const message of this.#client.watch(create, patience)) {
      const result = objectOf(message["result"]);
      if (result === null) return;
      if (result["events"] !== undefined) return;
      if (result["canceled"] !== undefined) return;
    }
  }

  /** Writes the record anew; whether the place is still ours. */
  async update(
    place: Place,
    record: string,
    patience: Patience,
  ): Promise<boolean> {
    const body = {
      compare: [this.#isOurs(place)],
      success: [{ request_put: this.#put(record) }],
      failure: [],
    };
    return await this.#client.ask("/v3/kv/txn", body, patience, hasSucceeded);
  }

  /** Who holds it now, and how many wait. */
  async holders(patience: Patience): Promise<Company> {
    const body = {
      ...range(this.#prefix),
      sort_target: "CREATE",
      sort_order: "ASCEND",
      limit: String(MOST_NAMED),
    };
    return await this.#client.ask("/v3/kv/range", body, patience, (json) => {
      const keys = keysOf(json);
      if (keys.some(({ key }) => !key.startsWith(this.#prefix))) {
        throw malformed("it told of keys that were not asked for");
      }
      const others = keys.filter(({ key }) => key !== this.#key);
      return { ...this.#companyOf(others), more: json["more"] === true };
    });
  }

  /** Oldest first: the first exclusive one, or all shared ones before it. */
  #companyOf(others: Key[]): Omit<Company, "more"> {
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

/** That there is no such key. */
function isAbsent(keys: Json): Json {
  return { ...keys, target: "CREATE", result: "EQUAL", create_revision: "0" };
}

/** Whether the comparison of a transaction held. */
function hasSucceeded({ succeeded }: Json): boolean {
  if (succeeded === undefined) return false;
  if (typeof succeeded === "boolean") return succeeded;
  throw malformed("it did not say whether a transaction succeeded");
}

/** The keys that the last request of a transaction found. */
function lastKeys({ responses }: Json): Key[] {
  const last = listOf(responses)?.at(-1) ?? {};
  const found = objectOf(last["response_range"]);
  if (found === null) throw malformed("it left out what a transaction found");
  return keysOf(found);
}
