/**
 * An open better-sqlite3 Database behind the contract, for `adopt`.
 *
 * @module
 */

import type {
  Connection,
  Parameters,
  Prepared,
  Row,
  RunResult,
} from "./contract.ts";
import {
  arrange,
  byName,
  type ParameterNames,
  parametersOf,
} from "./parameters.ts";
import { bindable, firstValue, narrow } from "./values.ts";

interface BetterStatement {
  readonly reader: boolean;
  run(...parameters: unknown[]): RunResult;
  get(...parameters: unknown[]): Row | undefined;
  all(...parameters: unknown[]): Row[];
  iterate(...parameters: unknown[]): IterableIterator<Row>;
  safeIntegers(on: boolean): BetterStatement;
}

/** The part of better-sqlite3's Database that is used here. */
export interface BetterDatabase {
  readonly inTransaction: boolean;
  exec(sql: string): unknown;
  prepare(sql: string): BetterStatement;
  pragma(sql: string): unknown;
}

/** Wraps a live Database of better-sqlite3; its owner closes it. */
export function connectBetter(native: BetterDatabase): Connection {
  return {
    native,
    owned: false,
    exec: (sql) => void native.exec(sql),
    prepare: (sql) => new BetterPrepared(native, sql),
    value: (sql) => firstValue(native.prepare(sql).get()),
    inTransaction: () => native.inTransaction,
    close: () => {},
  };
}

class BetterPrepared implements Prepared {
  readonly #statement: BetterStatement;
  readonly #database: BetterDatabase;
  readonly #parameters: ParameterNames;

  constructor(database: BetterDatabase, sql: string) {
    this.#statement = database.prepare(sql).safeIntegers(true);
    this.#database = database;
    this.#parameters = parametersOf(sql);
  }

  // better-sqlite3 runs only what returns no rows.
  run(parameters: Parameters): RunResult {
    const bound = this.#bind(parameters);
    if (!this.#statement.reader) return result(this.#statement.run(...bound));
    const changed = this.#statement.all(...bound).length;
    const row = this.#database
      .prepare("SELECT changes() AS changes, last_insert_rowid() AS rowid")
      .get() as { changes: number; rowid: number };
    return {
      changes: changed === 0 ? 0 : row.changes,
      lastInsertRowid: row.rowid,
    };
  }

  step(): void {
    this.#statement.run();
  }

  get(parameters: Parameters): Row | undefined {
    if (!this.#statement.reader) return void this.run(parameters);
    const row = this.#statement.get(...this.#bind(parameters));
    return row === undefined ? undefined : narrowRow(row);
  }

  all(parameters: Parameters): Row[] {
    if (!this.#statement.reader) {
      this.run(parameters);
      return [];
    }
    return this.#statement.all(...this.#bind(parameters))
      .map(narrowRow);
  }

  *iterate(parameters: Parameters): IterableIterator<Row> {
    if (!this.#statement.reader) return void this.run(parameters);
    const bound = this.#bind(parameters);
    for (const row of this.#statement.iterate(...bound)) yield narrowRow(row);
  }

  finalize(): void {}

  // better-sqlite3 takes names without their sign.
  #bind(parameters: Parameters): Parameters {
    const values = arrange(bindable(parameters, true), this.#parameters);
    if (this.#parameters.every((name) => name === null)) return values;
    return byName(values, this.#parameters, (name) => name.slice(1));
  }
}

function result({ changes, lastInsertRowid }: RunResult): RunResult {
  return {
    changes: Number(changes),
    lastInsertRowid: narrow(lastInsertRowid) as number | bigint,
  };
}

function narrowRow(row: Row): Row {
  for (const name in row) row[name] = narrow(row[name] ?? null);
  return row;
}
