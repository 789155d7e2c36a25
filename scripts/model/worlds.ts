/**
 * What the models are run with: the worlds in which they must keep their
 * promises, and the steps without which they must not.
 *
 * @module
 */

/** A promise; each is explained at the head of its file. */
export type Promised = "EXCLUSION" | "RECORDS" | "REFUSAL" | "PROGRESS";

/** One setting of a model. */
export interface World {
  readonly name: string;
  readonly file: "lock.pml" | "waiting.pml";
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

/** The worlds; in every one anybody may be killed at any step. */
export const WORLDS: readonly World[] = [
  lock("three", ["N=3", ...ALL], "three contenders, any mode"),
  lock("two", ["N=2", ...ALL], "two contenders, any mode"),
  lock(
    "narrow",
    ["N=2", "NARROW=1", "SWEEPS", ...ALL],
    "nothing is proved about one, so there are sweeps",
  ),
  lock("lossy", ["N=2", "LOSSY"], "records are deleted or not written"),
  lock("deleted", ["N=2", "DELETIONS=1", "REFUSAL"], "app.db.lock is deleted"),
  lock(
    "deleted while free",
    ["N=2", "DELETIONS=1", "WHILE_FREE", "NARROW=3", "RECORDS"],
    "app.db.lock is deleted while free, and nothing can be proved",
  ),
  lock(
    "deleted, PIDs reused",
    ["N=2", "DELETIONS=1", "REUSED", "EXCLUSIVES=3"],
    "app.db.lock is deleted, and the dead look alive",
  ),
  lock(
    "all deleted",
    ["N=2", "DELETIONS=1", "WITH_PIDFILES", "EXCLUSIVES=3"],
    "app.db.lock and its records are deleted: two may hold",
  ),
  lock("read-only", ["N=2", "UNWRITABLE=1"], "one may not write app.db.lock"),
  lock(
    "read-only, narrow",
    ["N=2", "UNWRITABLE=1", "NARROW=3", "SWEEPS", ...ALL],
    "and nothing can be proved, so there are sweeps",
  ),
  waiting(
    "crowd",
    ["N=3", "SHARERS=6", "IN_A_SLICE", "JUSTIFIED"],
    "one waits among two that share, and overlap",
  ),
  waiting(
    "behind one that lasts",
    ["N=3", "LASTING=2", "JUSTIFIED"],
    "one waits for one that lasts, and a third asks at once",
  ),
  waiting("two wait", ["N=3", "WAITERS=3"], "and a third asks at once"),
  long("three, narrow", ["N=3", "NARROW=1", "SWEEPS", ...ALL]),
  long("three, lossy", ["N=3", "LOSSY"]),
  long(
    "three, read-only",
    ["N=3", "UNWRITABLE=1", "NARROW=3", "SWEEPS", ...ALL],
  ),
  long("three, deleted", ["N=3", "DELETIONS=1", "REFUSAL"]),
  long(
    "three, deleted while free",
    ["N=3", "DELETIONS=1", "WHILE_FREE", "NARROW=7", "RECORDS"],
  ),
  {
    ...lock(
      "three, big folder",
      "N=3 DELETIONS=1 BIG CRASHES=0 EXCLUSIVES=4 SHARERS=3 REFUSAL".split(" "),
      "app.db.lock is deleted, and a mark spares looks at records",
    ),
    long: true,
  },
  {
    ...waiting(
      "crowd of three",
      ["N=4", "SHARERS=14", "IN_A_SLICE", "JUSTIFIED"],
      "the same with three that share",
    ),
    long: true,
  },
  {
    ...waiting(
      "two behind one that lasts",
      ["N=4", "LASTING=2", "SHARERS=2", "JUSTIFIED"],
      "the same with two that ask at once",
    ),
    long: true,
  },
];

/** The steps that are left out, one at a time; as long as their worlds. */
export const MUTATIONS: readonly Mutation[] = [
  drop("BEGIN_IMMEDIATE", "read-only", "EXCLUSION"),
  drop("BELIEVE_BEGIN", "read-only", "EXCLUSION"),
  drop("NO_ROLLBACK", "two", "PROGRESS"),
  drop("PUBLISH_BEFORE_LOCK", "two", "REFUSAL"),
  drop("KEEP_LITTER", "two", "RECORDS"),
  drop("UNLOCK_BEFORE_WITHDRAW", "two", "RECORDS"),
  drop("WITHDRAW_ANY", "all deleted", "RECORDS"),
  drop("CLEAR_WITHOUT_LOCK", "narrow", "RECORDS"),
  drop("SHARED_CLEARS_BEFORE_LOCK", "two", "RECORDS"),
  drop("SWEEP_UNDER_SHARED", "narrow", "RECORDS"),
  drop("STRICT_SWEEP", "read-only, narrow", "PROGRESS"),
  drop("NAME_THE_DEAD", "two", "REFUSAL"),
  drop("BELIEVE_OPEN", "deleted", "EXCLUSION"),
  drop("LOOK_BEFORE_OPEN", "deleted", "EXCLUSION"),
  drop("NO_LOOK_AFTER_PUBLISHING", "deleted", "EXCLUSION"),
  drop("NO_LOOK_BEFORE_CLEARING", "deleted while free", "RECORDS"),
  drop("CLEAR_WITHOUT_PROOF", "deleted", "EXCLUSION"),
  drop("SHARED_CLEARS_WITHOUT_PROOF", "deleted", "EXCLUSION"),
  drop("MARK_ANY_FILE", "three, big folder", "EXCLUSION"),
  drop("BELIEVE_THE_LIVING", "deleted, PIDs reused", "PROGRESS"),
  drop("WAIT_ON_REPLACED", "deleted", "PROGRESS"),
  drop("WAIT_WITHOUT_SLICE", "crowd", "PROGRESS"),
  drop("SHORT_PAUSE", "behind one that lasts", "REFUSAL"),
  drop("NO_DOUBT", "behind one that lasts", "REFUSAL"),
  drop("DOUBT_ONE_SLICE", "behind one that lasts", "REFUSAL"),
  drop("ANY_RECORD_PROVES", "behind one that lasts", "REFUSAL"),
  drop("ONE_LOOK", "behind one that lasts", "REFUSAL"),
  drop("NAME_THE_PENDING", "behind one that lasts", "REFUSAL"),
];

function lock(name: string, flags: string[], about: string): World {
  return { name, file: "lock.pml", flags, about };
}

function waiting(name: string, flags: string[], about: string): World {
  return { name, file: "waiting.pml", flags, about };
}

function long(name: string, flags: string[]): World {
  return { ...lock(name, flags, "the same with three"), long: true };
}

function drop(name: string, world: string, breaks: Promised): Mutation {
  return { name, world, breaks };
}
