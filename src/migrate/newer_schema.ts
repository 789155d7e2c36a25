/** A program that is older than the database. @module */

import { LitelatchError } from "../errors.ts";
import { recordedHolders } from "../lock/holders.ts";
import { linesAbout } from "../lock/refusal.ts";
import type { Holder } from "../options.ts";
import { attempt } from "../os/builtin.ts";
import { self } from "../os/process.ts";

/**
 * A newer version of the program has migrated the database, so this one must
 * not use it.
 *
 * @example Ask for an update
 * ```ts
 * import { open } from "@litelatch/litelatch";
 * import { migrate, NewerSchemaError } from "@litelatch/litelatch/migrate";
 *
 * using db = open(":memory:");
 * db.exec("PRAGMA user_version = 2");
 * try {
 *   migrate(db, ["CREATE TABLE note (text TEXT)"]);
 * } catch (error) {
 *   if (!(error instanceof NewerSchemaError)) throw error;
 *   console.error(error.version, error.known); // 2 1
 * }
 * ```
 */
export class NewerSchemaError extends LitelatchError {
  /** The name of its errors, which no minifier changes. */
  static override readonly name: string = "NewerSchemaError";

  /** What the database is at. */
  readonly version: number;
  /** How many steps this program has. */
  readonly known: number;
  /** Who else has it open, by their pidfiles. */
  readonly holders: Holder[];

  /** Made by litelatch; what it is given are its properties. */
  constructor(
    message: string,
    version: number,
    known: number,
    holders: Holder[],
  ) {
    super("LITELATCH_MIGRATE", message);
    this.version = version;
    this.known = known;
    this.holders = holders;
  }
}

/** The error of a database at `version`, for a program of `known` steps. */
export function newerSchema(
  path: string,
  version: number,
  known: number,
): NewerSchemaError {
  const holders = othersOn(path);
  const lines = linesAbout(holders);
  const who = lines.length === 0
    ? "No other process is known to have it open."
    : `Others that have it open: ${lines.join("; ")}.`;
  const message = `Cannot use the database "${path}": its schema is at ` +
    `version ${version}, and this program knows no more than ${known}. A ` +
    `newer version of the program has migrated it; update this one. ${who}`;
  return new NewerSchemaError(message, version, known, holders);
}

function othersOn(path: string): Holder[] {
  if (path === ":memory:") return [];
  return attempt(() => recordedHolders(path, "exclusive"), [])
    .filter((one) => one.pid !== self().pid || one.pidNamespace === "other");
}
