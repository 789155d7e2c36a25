/** A prepared statement, as callers have it. */

import type {
  Connection,
  Prepared,
  Row,
  RunResult,
  Value,
} from "../driver/contract.ts";
import { bare } from "../driver/prepared.ts";
import { attempt } from "../os/builtin.ts";
import type { Heeded, Session } from "./session.ts";

/**
 * A prepared statement. The same on every runtime: rows are plain objects, no
 * row is `undefined`, integers beyond 2^53 - 1 are `bigint`.
 *
 * Parameters are given by position, or as one object for `:name`, `@name` and
 * `$name`, with or without the sign. One that is missing is NULL; a name that
 * the statement does not have is a `TypeError`.
 */
export class Statement {
  /** The handle, which must not be collected before its statements. */
  protected readonly owner: object;
  readonly #session: Session;
  readonly #sql: string;
  readonly #onlyReads: boolean;
  #heeded!: Heeded;
  #prepared!: Prepared;
  /** What it was prepared on. */
  #connection?: Connection;

  /** @ignore */
  constructor(owner: object, session: Session, sql: string) {
    this.owner = owner;
    this.#session = session;
    this.#sql = sql;
    const text = bare(String(sql));
    if (text === "") {
      throw new TypeError(
        "Cannot prepare a statement: there is none in the SQL",
      );
    }
    this.#onlyReads = READS.test(text);
    this.#renew();
  }

  /**
   * Runs it, and forgets its rows.
   *
   * @param parameters Values by position, or one object by name.
   * @returns How many rows changed, and the latest rowid.
   * @throws {BusyError} If the database stayed locked for `busyTimeout`.
   * @throws {LockLostError} If what it writes would be lost.
   * @throws {TypeError} If a parameter is of a type that SQLite does not have.
   */
  run(...parameters: Value[] | [Record<string, Value>]): RunResult {
    return this.#call(() => this.#prepared.run(parameters));
  }

  /**
   * Runs it, and returns the first row.
   *
   * @param parameters Values by position, or one object by name.
   * @returns The first row, or `undefined` if there is none.
   * @throws What {@linkcode Statement.run} does.
   */
  get(...parameters: Value[] | [Record<string, Value>]): Row | undefined {
    return this.#call(() => this.#prepared.get(parameters));
  }

  /**
   * Runs it, and returns every row.
   *
   * @param parameters Values by position, or one object by name.
   * @returns All rows.
   * @throws What {@linkcode Statement.run} does.
   */
  all(...parameters: Value[] | [Record<string, Value>]): Row[] {
    return this.#call(() => this.#prepared.all(parameters));
  }

  /**
   * Runs it, and returns one row after the other. Until the last one is taken
   * or the loop is left, the database is being read.
   *
   * @param parameters Values by position, or one object by name.
   * @returns The rows.
   * @throws What {@linkcode Statement.run} does.
   */
  *iterate(
    ...parameters: Value[] | [Record<string, Value>]
  ): IterableIterator<Row> {
    // It has written all before its first row and keeps the rows in memory; in the
    // midst of them no COMMIT is possible (https://sqlite.org/lang_returning.html).
    if (!this.#onlyReads && /\breturning\b/i.test(this.#sql)) {
      return yield* this.all(...parameters);
    }
    const session = this.#session;
    let prepared: Prepared | undefined;
    let rows: Iterator<Row> = [].values();
    let connection: Connection | undefined;
    try {
      let step = this.#call(() => {
        // A statement of its own: this one is cached, and somebody may run it
        // again while the loop goes on.
        prepared = session.connection.prepare(this.#sql);
        rows = prepared.iterate(parameters);
        return rows.next();
      });
      connection = session.connection;
      session.iterating++;
      while (!step.done) {
        yield step.value;
        if (connection !== session.connection) throw session.refusal();
        step = rows.next();
      }
    } catch (error) {
      session.require();
      throw this.#explain(error);
    } finally {
      if (connection === session.connection) session.iterating--;
      // A look inside of the loop may have closed the connection for a loss.
      attempt(() => rows.return?.(), null);
      prepared?.finalize();
    }
  }

  #call<T>(run: () => T): T {
    const session = this.#session;
    const { isShared } = session.turns;
    // In Bun a statement outlives the connection that its owner has closed.
    if (session.isLeft || !this.#onlyReads && isShared) session.require();
    try {
      this.#renew();
      // It has every lock, and what it writes is looked at before its COMMIT.
      const isInside = session.depth > 0 && !session.reading;
      const mayEnd = this.#heeded.ends || isShared;
      if (isInside && (this.#onlyReads || !mayEnd)) return run();
      if (this.#onlyReads) return session.turns.again(run, isShared);
      return session.guarded(() => {
        // A look may have opened the connection anew.
        this.#renew();
        return run();
      }, this.#heeded);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    return this.#session.explain(error, this.#onlyReads ? "read" : undefined);
  }

  /** Prepares it where that was not done, or the connection is another. */
  #renew(): void {
    const { connection, stopped, turns } = this.#session;
    if (stopped === null && this.#connection === connection) return;
    this.#session.require();
    this.#heeded = this.#session.heed(this.#sql);
    const prepare = () => this.#session.prepare(this.#sql);
    this.#prepared = turns.again(prepare, this.#heeded.waits);
    this.#connection = connection;
  }
}

const READS = /^(?:select|values|explain)\b(?![^]*\bpragma_optimize\b)/i;
