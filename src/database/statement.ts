/**
 * A prepared statement, as callers have it.
 *
 * @module
 */

import type {
  Connection,
  Prepared,
  Row,
  RunResult,
  Value,
} from "../driver/contract.ts";
import type { Session } from "./session.ts";

/**
 * A prepared statement. The same on every runtime: rows are plain objects, no
 * row is `undefined`, integers beyond 2^53 - 1 are `bigint`.
 *
 * Parameters are given by position, or as one object for `:name`, `@name` and
 * `$name`, with or without the sign. One that is missing is NULL; a name that
 * the statement does not have is a `TypeError`.
 *
 * @example By position and by name
 * ```ts
 * import { open } from "@litelatch/litelatch";
 *
 * using db = open(":memory:");
 * db.exec("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
 * const insert = db.prepare("INSERT INTO note (text) VALUES (:text)");
 * const { lastInsertRowid } = insert.run({ text: "hello" });
 * const byId = db.prepare("SELECT text FROM note WHERE id = ?");
 * console.log(byId.get(lastInsertRowid)); // { text: "hello" }
 * ```
 */
export class Statement {
  readonly #session: Session;
  readonly #sql: string;
  readonly #onlyReads: boolean;
  readonly #mayEnd: boolean;
  #prepared: Prepared;
  #connection: Connection;
  #epoch: number;

  /** @ignore */
  constructor(session: Session, sql: string) {
    this.#session = session;
    this.#sql = sql;
    this.#onlyReads = /^\s*select\b/i.test(sql);
    this.#mayEnd = ENDS.test(sql);
    session.heed(sql);
    this.#connection = session.connection;
    this.#prepared = session.connection.prepare(sql);
    this.#epoch = session.epoch;
  }

  /**
   * Runs it, and forgets its rows.
   *
   * @param parameters Values by position, or one object by name.
   * @returns How many rows changed, and the latest rowid.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   * @throws {TypeError} If a parameter is of a type that SQLite does not have.
   */
  run(...parameters: Value[] | [Record<string, Value>]): RunResult {
    const session = this.#session;
    if (this.#epoch !== session.epoch) this.#renew();
    if (session.patience.isShort) session.settle();
    try {
      return this.#onlyReads || (session.depth > 0 && !this.#mayEnd)
        ? this.#prepared.run(parameters)
        : session.guarded(() => this.#prepared.run(parameters));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Runs it, and returns the first row.
   *
   * @param parameters Values by position, or one object by name.
   * @returns The first row, or `undefined` if there is none.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   */
  get(...parameters: Value[] | [Record<string, Value>]): Row | undefined {
    const session = this.#session;
    if (this.#epoch !== session.epoch) this.#renew();
    if (session.patience.isShort) session.settle();
    try {
      return this.#onlyReads || (session.depth > 0 && !this.#mayEnd)
        ? this.#prepared.get(parameters)
        : session.guarded(() => this.#prepared.get(parameters));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Runs it, and returns every row.
   *
   * @param parameters Values by position, or one object by name.
   * @returns All rows.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   */
  all(...parameters: Value[] | [Record<string, Value>]): Row[] {
    const session = this.#session;
    if (this.#epoch !== session.epoch) this.#renew();
    if (session.patience.isShort) session.settle();
    try {
      return this.#onlyReads || (session.depth > 0 && !this.#mayEnd)
        ? this.#prepared.all(parameters)
        : session.guarded(() => this.#prepared.all(parameters));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Runs it, and returns one row after the other. Until the last one is taken
   * or the loop is left, the database is being read.
   *
   * @param parameters Values by position, or one object by name.
   * @returns The rows.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   */
  *iterate(
    ...parameters: Value[] | [Record<string, Value>]
  ): IterableIterator<Row> {
    this.#session.require();
    // A statement of its own: this one is cached, and somebody may run it
    // again while the loop goes on.
    const prepared = this.#session.connection.prepare(this.#sql);
    if (!this.#onlyReads) this.#session.guard?.beforeWrite();
    this.#session.iterating++;
    try {
      yield* prepared.iterate(parameters);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#session.iterating--;
      prepared.finalize();
    }
  }

  #explain(error: unknown): unknown {
    const what = this.#onlyReads ? "read" : undefined;
    return this.#session.explain(error, undefined, what);
  }

  /** Prepares it anew where the connection was exchanged. */
  #renew(): void {
    const { connection, epoch } = this.#session;
    this.#session.require();
    if (connection !== this.#connection) {
      this.#prepared = connection.prepare(this.#sql);
      this.#connection = connection;
    }
    this.#epoch = epoch;
  }
}

const ENDS = /^(?:\s|;|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:commit|end|rollback)\b/i;
