/**
 * The story of one migration: look, wait for a turn, look again, run the next
 * step.
 *
 * @module
 */

import type { Database } from "../../mod.ts";
import { messageOf } from "../driver/result_codes.ts";
import { type BusyError, LitelatchError } from "../errors.ts";
import { attempt } from "../os/builtin.ts";
import { now, sleepSync } from "../os/clock.ts";
import { self } from "../os/process.ts";
import { check, milliseconds, typed } from "../settings.ts";
import { newerSchema } from "./newer_schema.ts";
import type { MigrateProgress } from "./progress.ts";

/**
 * One step: SQL, of one statement or more, or a function that gets the handle.
 * It is inside of a transaction, and must not be async.
 */
export type Step = string | ((db: Database) => void);

/** What {@linkcode migrate} can be told. */
export interface MigrateOptions {
  /**
   * How long to wait for others in a row, in milliseconds. Default 60 000. A
   * step of another process may take longer than `busyTimeout`.
   */
  wait?: number;
  /** Called when it waits, before each step and after it. */
  onProgress?: (progress: MigrateProgress) => void;
}

// Where busyTimeout is 0 a write does not wait by itself.
const PAUSE_MS = 5;
const FOREIGN_KEYS = /\bpragma\s+(?:\w+\.)?foreign_keys\s*[=(]/i;

/**
 * Runs the steps that the database does not have yet. Its version is
 * `PRAGMA user_version`, the number of steps that it has; so steps are only
 * ever added at the end, and a step that was released stays as it is.
 *
 * Any number of processes may call it at once, on Bun, Deno and Node: one runs a
 * step, in one transaction with its version, and the others wait. A process that
 * is killed in the middle of a step leaves nothing of it, and the next goes on
 * from there. Others may have the database open, and see each step whole.
 *
 * @param db The open handle; one in memory or adopted will do.
 * @param steps All steps of all versions, in their order.
 * @param options See {@linkcode MigrateOptions}.
 * @returns How many steps this process ran.
 * @throws {TypeError} If what is given is no database, step or option of ours.
 * @throws {NewerSchemaError} If the database has more steps than there are.
 * @throws {LitelatchError} `LITELATCH_MIGRATE` if a step throws, with its error
 * as the `cause`; then the database stays at the version before it.
 * @throws {BusyError} If others wrote for longer than `wait`.
 *
 * @example SQL, then a function
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { migrate } from "@litelatch/litelatch/migrate";
 *
 * using db = open(":memory:");
 * const ran = migrate(db, [
 *   "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)",
 *   (db) => {
 *     db.exec("ALTER TABLE note ADD COLUMN length INTEGER");
 *     db.exec("UPDATE note SET length = length(text)");
 *   },
 * ]);
 * console.log(ran); // 2
 * ```
 */
export function migrate(
  db: Database,
  steps: readonly Step[],
  options?: MigrateOptions,
): number {
  requireAll(db, steps);
  check("migrate a database", options, {
    wait: milliseconds,
    onProgress: typed("function", "a function"),
  });
  const { wait = 60_000, onProgress = () => {} } = options ?? {};
  let ran = 0;
  let seen = -1;
  let since = now();
  for (;;) {
    // To read it needs no turn: most processes find nothing to do.
    const version = versionOf(db);
    if (version > steps.length) {
      throw newerSchema(db.path, version, steps.length);
    }
    if (version === steps.length) return ran;
    if (version !== seen) since = now();
    seen = version;
    const facts = { step: version + 1, steps: steps.length };
    try {
      const ms = runStep(db, steps, version, () => {
        onProgress({ state: "begins", ...facts, ms: 0, writers: [] });
      });
      if (ms === null) continue; // another process has run it meanwhile
      ran++;
      onProgress({ state: "done", ...facts, ms, writers: [] });
    } catch (error) {
      if (!isWorthWaiting(error) || now() - since >= wait) throw error;
      const { writers } = error;
      onProgress({ state: "waits", ...facts, ms: now() - since, writers });
      sleepSync(PAUSE_MS);
    }
  }
}

/** Runs the step after `version`, unless another process has run it. */
function runStep(
  db: Database,
  steps: readonly Step[],
  version: number,
  begin: () => void,
): number | null {
  return db.write(() => {
    if (versionOf(db) !== version) return null;
    begin();
    const start = now();
    const orphans = orphansIn(db);
    const step = steps[version] as Step;
    try {
      if (typeof step === "string") db.exec(step);
      else requireNothing(step(db));
      refuseOrphans(db, orphans);
    } catch (error) {
      throw stepFailed(db.path, version, steps, error);
    }
    db.exec(`PRAGMA user_version=${version + 1}`);
    return now() - start;
  });
}

function versionOf(db: Database): number {
  const row = db.prepare("SELECT user_version FROM pragma_user_version").get();
  const version = Number(row?.["user_version"]);
  if (version >= 0) return version;
  throw new LitelatchError(
    "LITELATCH_MIGRATE",
    `Cannot migrate "${db.path}": its user_version must be the number of ` +
      `steps that it has, 0 or more, got ${version}`,
  );
}

/**
 * Rows that refer to none, where nobody looks after that: who rebuilds a table
 * has switched foreign keys off, as DROP TABLE would delete what refers to it.
 * `NaN` where that cannot be told.
 */
function orphansIn(db: Database): number {
  const sql = "SELECT foreign_keys FROM pragma_foreign_keys";
  if (db.prepare(sql).get()?.["foreign_keys"] === 1) return 0;
  const count = "SELECT count(*) AS n FROM pragma_foreign_key_check";
  // A key that does not fit what it refers to, as in many a schema that never
  // had its keys looked after, makes the check throw: no step could ever run.
  return attempt(() => Number(db.prepare(count).get()?.["n"]), NaN);
}

function refuseOrphans(db: Database, before: number): void {
  const after = orphansIn(db);
  if (!(after > before)) return;
  const row = db.prepare("SELECT * FROM pragma_foreign_key_check").get() ?? {};
  throw new Error(
    `it leaves ${after - before} rows that refer to none, such as in the ` +
      `table "${row["table"]}" to "${row["parent"]}" (foreign_key_check)`,
  );
}

function stepFailed(
  path: string,
  version: number,
  steps: readonly Step[],
  cause: unknown,
): LitelatchError {
  const step = steps[version];
  const name = typeof step === "function" && step.name ? ` (${step.name})` : "";
  const { code } = (cause ?? {}) as { code?: unknown };
  const kept = code === "LITELATCH_CLOSED"
    ? "What it did before that may be kept, without its version."
    : `Nothing of it was kept: the database is at version ${version}.`;
  return new LitelatchError(
    "LITELATCH_MIGRATE",
    `Cannot run step ${version + 1} of ${steps.length}${name} on "${path}": ` +
      `${messageOf(cause).replace(/\.$/, "")}. ${kept}`,
    { cause },
  );
}

/** What it did after its first await would run outside of the transaction. */
function requireNothing(result: unknown): void {
  const then = (result as { then?: unknown } | null | undefined)?.then;
  if (typeof then !== "function") return;
  // Nobody will look at it any more, and it must not end the process.
  Promise.resolve(result).catch(() => {});
  throw new TypeError("a step must not return a promise; await before migrate");
}

/** By its name and facts: a vendored copy has a class of its own. */
function isWorthWaiting(error: unknown): error is BusyError {
  const { name, writers } = error as Partial<BusyError>;
  // This thread would wait for itself.
  return name === "BusyError" && !writers?.includes(self().pid);
}

function requireAll(db: Database, steps: readonly Step[]): void {
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot migrate: ${why}`);
  };
  // The driver's own object has most of the methods.
  if (typeof Object(db).write !== "function") {
    refuse("the database must be one of open(), openAsync() or adopt()");
  }
  if (!Array.isArray(steps)) refuse("the steps must be an array");
  // A loop sees holes, too; forEach() passes over them.
  for (const [i, step] of steps.entries()) {
    if (typeof step !== "string" && typeof step !== "function") {
      refuse(`step ${i + 1} must be SQL or a function, got ${typeof step}`);
    }
    // Before it starts: what it did after its first await would be written by
    // itself, and of a generator nothing would run.
    if (/^Async|Generator/.test(step.constructor?.name)) {
      refuse(`step ${i + 1} must not be async or a generator; await before it`);
    }
    if (typeof step === "string" && FOREIGN_KEYS.test(step)) {
      refuse(
        `step ${i + 1} sets foreign_keys, which SQLite ignores inside a ` +
          "transaction, and DROP TABLE would delete the rows that refer to it; " +
          "open a handle for the migration with { foreignKeys: false } instead",
      );
    }
  }
}
