/**
 * What the models are run with: the worlds in which it must keep
 * its promises, and the steps without which it must not.
 *
 * @module
 */

/** A promise of the model; each is explained at the head of its file. */
export type Promised = "EXCLUSION" | "RECORDS" | "REFUSAL" | "PROGRESS";

/** One setting of a model. */
export interface World {
  readonly name: string;
  readonly file: "lock.pml";
  /** Names to define. */
  readonly flags: readonly string[];
  /** What may happen there. */
  readonly about: string;
  /** Millions of states: only with `--long`. */
  readonly long?: true;
}

/** One step left out. */
export interface Mutation {
  /** Behind `MUTATE_`. */
  readonly name: string;
  /** The world in which that is noticed. */
  readonly world: string;
  readonly breaks: Promised;
}

const ALL = ["RECORDS", "REFUSAL"];

/** The worlds; every one has crashes at every step. */
export const WORLDS: readonly World[] = [
  lock("three", ["N=3", ...ALL], "three contenders, any mode"),
  lock("two", ["N=2", ...ALL], "two contenders, any mode"),
  lock("narrow", ["N=2", "NARROW=1", ...ALL], "nothing is proved about one"),
  lock("lossy", ["N=2", "LOSSY"], "records are deleted or not written"),
  lock("deleted", ["N=2", "DELETIONS=1", "REFUSAL"], "app.db.lock is deleted"),
  lock(
    "deleted while free",
    ["N=2", "DELETIONS=1", "WHILE_FREE", "NARROW=3", "RECORDS"],
    "app.db.lock is deleted while free, and nothing can be proved",
  ),
  lock(
    "all deleted",
    ["N=2", "DELETIONS=1", "WITH_PIDFILES", "EXCLUSIVES=3"],
    "app.db.lock and its records are deleted: two may hold",
  ),
  lock("read-only", ["N=2", "UNWRITABLE=1"], "one may not write app.db.lock"),
  lock(
    "read-only, narrow",
    ["N=2", "UNWRITABLE=1", "NARROW=3", ...ALL],
    "and nothing can be proved, so there are sweeps",
  ),
  long("three, narrow", ["N=3", "NARROW=1", ...ALL]),
  long("three, lossy", ["N=3", "LOSSY"]),
  long("three, read-only", ["N=3", "UNWRITABLE=1", "NARROW=3", ...ALL]),
  long("three, deleted", ["N=3", "DELETIONS=1", "REFUSAL"]),
  long(
    "three, deleted while free",
    ["N=3", "DELETIONS=1", "WHILE_FREE", "NARROW=7", "RECORDS"],
  ),
];

/** The steps that are left out, one at a time. */
export const MUTATIONS: readonly Mutation[] = [
  drop("BEGIN_IMMEDIATE", "read-only", "EXCLUSION"),
  drop("BELIEVE_BEGIN", "read-only", "EXCLUSION"),
  drop("NO_ROLLBACK", "two", "PROGRESS"),
  drop("PUBLISH_BEFORE_LOCK", "two", "RECORDS"),
  drop("KEEP_LITTER", "two", "RECORDS"),
  drop("UNLOCK_BEFORE_WITHDRAW", "two", "RECORDS"),
  drop("WITHDRAW_ANY", "all deleted", "RECORDS"),
  drop("CLEAR_WITHOUT_LOCK", "narrow", "RECORDS"),
  drop("SWEEP_UNDER_SHARED", "narrow", "RECORDS"),
  drop("STRICT_SWEEP", "read-only, narrow", "PROGRESS"),
  drop("NAME_THE_DEAD", "two", "REFUSAL"),
  drop("BELIEVE_OPEN", "deleted", "EXCLUSION"),
  drop("BELIEVE_CLAIM", "deleted", "EXCLUSION"),
  drop("BELIEVE_PATH", "deleted while free", "RECORDS"),
  drop("IGNORE_HOLDERS_ELSEWHERE", "deleted", "EXCLUSION"),
  drop("SHARED_IGNORES_ELSEWHERE", "deleted", "EXCLUSION"),
  drop("WAIT_ON_REPLACED", "deleted", "PROGRESS"),
];

function lock(name: string, flags: string[], about: string): World {
  return { name, file: "lock.pml", flags, about };
}

function long(name: string, flags: string[]): World {
  return { ...lock(name, flags, "the same with three"), long: true };
}

function drop(name: string, world: string, breaks: Promised): Mutation {
  return { name, world, breaks };
}
