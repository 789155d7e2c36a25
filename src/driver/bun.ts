/**
 * `bun:sqlite` behind the contract.
 *
 * @module
 */

import type {
  Connection,
  ConnectionOptions,
  Parameters,
  Prepared,
  Row,
  RunResult,
} from "./contract.ts";
import { arrange, type ParameterNames, parametersOf } from "./parameters.ts";
import {
  bindable,
  firstValue,
  immutableUri,
  isDoubtful,
  narrow,
} from "./values.ts";

interface BunStatement {
  run(...parameters: unknown[]): RunResult;
  get(...parameters: unknown[]): Row | null;
  all(...parameters: unknown[]): Row[];
  iterate(...parameters: unknown[]): IterableIterator<Row>;
  safeIntegers(on: boolean): BunStatement;
  finalize(): void;
}

/** The part of `bun:sqlite`'s Database that is used here. */
export interface BunDatabase {
  readonly inTransaction: boolean;
  exec(sql: string): unknown;
  prepare(sql: string): BunStatement;
  close(throwOnError?: boolean): void;
}

/** The class of `bun:sqlite`. */
export interface BunModule {
  Database: new (path: string, options: object | number) => BunDatabase;
}

// https://sqlite.org/c3ref/c_open_autoproxy.html
const OPEN_READONLY = 0x1;
const OPEN_URI = 0x40;

/** Opens a file with `bun:sqlite`. */
export function openBun(
  module: BunModule,
  path: string,
  { readOnly, create, immutable = false }: ConnectionOptions,
): Connection {
  return connectBun(
    immutable
      ? new module.Database(immutableUri(path), OPEN_READONLY | OPEN_URI)
      : new module.Database(
        path,
        readOnly ? { readonly: true } : { readwrite: true, create },
      ),
    true,
  );
}

/** Wraps a live Database of `bun:sqlite`; `owned` ones are closed with us. */
export function connectBun(native: BunDatabase, owned: boolean): Connection {
  // A live statement keeps a closed database, and its locks, until it is
  // collected; so every one is finalized first. Weak, because a program may
  // prepare any number and drop them.
  const live = new Set<WeakRef<Prepared>>();
  let closed = false;
  return {
    native,
    owned,
    exec: (sql) => void native.exec(sql),
    prepare: (sql) => {
      const prepared = new BunPrepared(native.prepare(sql), native, sql, owned);
      if (live.size > 1000) prune(live);
      live.add(new WeakRef(prepared));
      return prepared;
    },
    value: (sql) => {
      const statement = native.prepare(sql);
      try {
        return firstValue(statement.get());
      } finally {
        statement.finalize();
      }
    },
    inTransaction: () => native.inTransaction,
    close: () => {
      if (closed) return;
      closed = true;
      for (const reference of live) reference.deref()?.finalize();
      live.clear();
      if (owned) native.close(true);
    },
  };
}

function prune(live: Set<WeakRef<Prepared>>): void {
  for (const reference of live) {
    if (reference.deref() === undefined) live.delete(reference);
  }
}

const SAFE = Number.MAX_SAFE_INTEGER;

class BunPrepared implements Prepared {
  readonly #statement: BunStatement;
  readonly #database: BunDatabase;
  readonly #parameters: ParameterNames;
  // Re-running a query to read its integers again is only harmless where it
  // writes nothing: RETURNING rows are read exactly the first time.
  #exact: boolean;

  constructor(
    statement: BunStatement,
    database: BunDatabase,
    sql: string,
    owned: boolean,
  ) {
    this.#statement = statement;
    this.#database = database;
    this.#parameters = parametersOf(sql);
    this.#exact = /\breturning\b/i.test(sql);
    if (this.#exact || !owned) statement.safeIntegers(this.#exact);
  }

  run(parameters: Parameters): RunResult {
    const result = this.#statement.run(...this.#bind(parameters));
    return {
      changes: Number(result.changes),
      lastInsertRowid: this.#rowid(result.lastInsertRowid),
    };
  }

  step(): void {
    this.#statement.run();
  }

  get(parameters: Parameters): Row | undefined {
    const bound = this.#bind(parameters);
    const row = this.#statement.get(...bound) ?? undefined;
    if (row === undefined) return undefined;
    if (this.#exact) return narrowRow(row);
    for (const name in row) {
      // Written out: a call for each value is a tenth of a get().
      const value = row[name];
      if (typeof value === "number" && (Math.abs(value) > SAFE)) {
        this.#readExactly();
        const again = this.#statement.get(...bound);
        return again === null ? undefined : narrowRow(again);
      }
    }
    return row;
  }

  all(parameters: Parameters): Row[] {
    const bound = this.#bind(parameters);
    const rows = this.#statement.all(...bound);
    if (this.#exact) return rows.map(narrowRow);
    for (const row of rows) {
      for (const name in row) {
        if (isDoubtful(row[name])) {
          this.#readExactly();
          return this.#statement.all(...bound).map(narrowRow);
        }
      }
    }
    return rows;
  }

  *iterate(parameters: Parameters): IterableIterator<Row> {
    this.#readExactly();
    for (const row of this.#statement.iterate(...this.#bind(parameters))) {
      yield narrowRow(row);
    }
  }

  finalize(): void {
    this.#statement.finalize();
  }

  #readExactly(): void {
    if (!this.#exact) this.#statement.safeIntegers(true);
    this.#exact = true;
  }

  #bind(parameters: Parameters): Parameters {
    return arrange(bindable(parameters, false), this.#parameters);
  }

  #rowid(rowid: number | bigint): number | bigint {
    if (!isDoubtful(rowid)) return narrow(rowid) as number | bigint;
    const statement = this.#database.prepare(
      "SELECT last_insert_rowid() AS id",
    );
    try {
      return narrow(statement.safeIntegers(true).get()?.["id"] ?? 0) as bigint;
    } finally {
      statement.finalize();
    }
  }
}

function narrowRow(row: Row): Row {
  for (const name in row) row[name] = narrow(row[name] ?? null);
  return row;
}
