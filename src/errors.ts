/** The conditions a caller can catch, and the facts each one carries. */

import type { Holder } from "./options.ts";
import { legible } from "./printable.ts";

/** What went wrong, for a `switch` that outlives messages (table: README). */
export type ErrorCode =
  | "LITELATCH_LOCKED"
  | "LITELATCH_BUSY"
  | "LITELATCH_PRAGMA"
  | "LITELATCH_LOCK_LOST"
  | "LITELATCH_UNSUPPORTED"
  | "LITELATCH_OPEN"
  | "LITELATCH_CLOSED"
  | "LITELATCH_BACKUP"
  | "LITELATCH_ETCD"
  | "LITELATCH_MIGRATE";

/**
 * The base of every error that litelatch itself throws. Others of SQLite (a
 * constraint, a syntax error) pass through as the driver made them.
 */
export class LitelatchError extends Error {
  /** The name of its errors, which no minifier changes. */
  static override readonly name: string = "LitelatchError";

  /** Also those of another copy of litelatch: a vendored one, another realm's. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (super[Symbol.hasInstance](value)) return true;
    const { code, name } = Object(value);
    return /^LITELATCH_/.test(String(code)) &&
      (this === LitelatchError || this.name === name);
  }

  /** Defined and not assigned, which a frozen `Error.prototype` refuses. */
  override name: string = (this.constructor as typeof LitelatchError).name;
  /** A stable name for the condition. */
  declare readonly code: ErrorCode;

  /** Made by litelatch; what it is given are its properties. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    // What a runtime says of a path may hold escapes, and is printed with ours.
    const said = String(Object(options?.cause).message);
    const isSafe = legible(said, "LITELATCH_LOCKED") === said;
    super(legible(message, code), isSafe ? options : undefined);
    this.code = code;
  }
}

/** A lock was refused; `holders` says who holds it, as far as can be known. */
export class LockedError extends LitelatchError {
  /** The name of its errors. */
  static override readonly name: string = "LockedError";
  /** Who holds it. Empty where that cannot be known. */
  declare readonly holders: Holder[];

  /** Made by litelatch; what it is given are its properties. */
  constructor(message: string, holders: Holder[]) {
    super("LITELATCH_LOCKED", message);
    this.holders = holders;
  }
}

/** SQLite stayed busy until the deadline. Nothing was written. */
export class BusyError extends LitelatchError {
  /** The name of its errors. */
  static override readonly name: string = "BusyError";
  /** How long was waited, in milliseconds. */
  declare readonly waitedMs: number;
  /** PIDs that held the write lock when the wait ended; empty if unknown. */
  declare readonly writers: number[];

  /** Made by litelatch; what it is given are its properties. */
  constructor(
    message: string,
    waitedMs: number,
    writers: number[],
    options?: ErrorOptions,
  ) {
    super("LITELATCH_BUSY", message, options);
    this.waitedMs = waitedMs;
    this.writers = writers;
  }
}

/** SQLite did not take a setting: `pragma` was asked to be `wanted`. */
export class PragmaError extends LitelatchError {
  /** The name of its errors. */
  static override readonly name: string = "PragmaError";
  /** The name of the pragma. */
  declare readonly pragma: string;
  /** What was asked for. */
  declare readonly wanted: string | number;
  /** What SQLite reports instead. */
  declare readonly got: string | number | null;

  /** Made by litelatch; what it is given are its properties. */
  constructor(
    message: string,
    pragma: string,
    wanted: string | number,
    got: string | number | null,
  ) {
    super("LITELATCH_PRAGMA", message);
    this.pragma = pragma;
    this.wanted = wanted;
    this.got = got;
  }
}

/**
 * A lock that was held is gone, or a file under an open database, so the next
 * write was refused. `reopen()` may help.
 */
export class LockLostError extends LitelatchError {
  /** The name of its errors. */
  static override readonly name: string = "LockLostError";
  /** Made by litelatch; what it is given are its properties. */
  constructor(message: string) {
    super("LITELATCH_LOCK_LOST", message);
  }
}

/** The runtime, the filesystem or the file cannot do what was asked. */
export class UnsupportedError extends LitelatchError {
  /** The name of its errors. */
  static override readonly name: string = "UnsupportedError";
  /** Made by litelatch; what it is given are its properties. */
  constructor(message: string, options?: ErrorOptions) {
    super("LITELATCH_UNSUPPORTED", message, options);
  }
}
