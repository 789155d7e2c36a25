/**
 * `node:sqlite`, as Node and Deno have it, behind the contract.
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
  Value,
} from "./contract.ts";
import {
  arrange,
  byName,
  type ParameterNames,
  parametersOf,
} from "./parameters.ts";
import { losesErrors, takesNumbered } from "./node_quirks.ts";
import {
  bindable,
  firstValue,
  immutableUri,
  isDoubtful,
  narrow,
} from "./values.ts";

interface NodeStatement {
  run(...parameters: unknown[]): RunResult;
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
  columns(): { name: string }[];
  setAllowBareNamedParameters(on: boolean): void;
  setReadBigInts(on: boolean): void;
  setReturnArrays(on: boolean): void;
}

/** The part of `node:sqlite`'s DatabaseSync that is used here. */
export interface NodeDatabase {
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): NodeStatement;
  close(): void;
}

/** The class of `node:sqlite`. */
export interface NodeModule {
  DatabaseSync: new (path: string, options: object) => NodeDatabase;
}

/** Opens a file with `node:sqlite`. */
export function openNode(
  module: NodeModule,
  path: string,
  { readOnly, immutable = false }: ConnectionOptions,
): Connection {
  const place = immutable ? immutableUri(path) : path;
  return connectNode(new module.DatabaseSync(place, { readOnly }), true);
}

/** Wraps a live DatabaseSync; `owned` ones are closed with us. */
export function connectNode(native: NodeDatabase, owned: boolean): Connection {
  let closed = false;
  return {
    native,
    owned,
    exec: (sql) => native.exec(sql),
    prepare: (sql) => new NodePrepared(native.prepare(sql), native, sql),
    value: (sql) => firstValue(native.prepare(sql).get()),
    inTransaction: () => native.isTransaction,
    close: () => {
      if (closed) return;
      closed = true;
      if (owned) native.close();
    },
  };
}

class NodePrepared implements Prepared {
  readonly #statement: NodeStatement;
  readonly #database: NodeDatabase;
  readonly #writes: boolean;
  readonly #parameters: ParameterNames;
  readonly #byPosition: boolean;
  // Rows come as arrays and get their names here, which is faster than the
  // driver's objects (1.6 against 2.2 µs for four columns) and makes them
  // plain. Names behind a `*` can change under a living statement.
  readonly #fixedNames: boolean;
  #names: string[] | undefined;
  #exact: boolean;

  constructor(statement: NodeStatement, database: NodeDatabase, sql: string) {
    this.#statement = statement;
    this.#database = database;
    this.#fixedNames = !sql.includes("*") && !/\bpragma\b/i.test(sql);
    const returning = /\breturning\b/i.test(sql);
    this.#writes = WRITES.test(sql) &&
      (returning || statement.columns().length === 0);
    // Running again to read integers exactly must not write again.
    this.#exact = returning;
    // Its owner may have set either for the whole connection.
    statement.setReadBigInts(returning);
    statement.setReturnArrays(true);
    this.#parameters = parametersOf(sql);
    this.#byPosition = this.#parameters.every((name) => name === null);
    // Else `:a` beside `@a` is an error, whatever is bound.
    if (!this.#byPosition) statement.setAllowBareNamedParameters(false);
  }

  run(parameters: Parameters): RunResult {
    const result = this.#statement.run(...this.#bind(parameters));
    return {
      // sqlite3_changes() still tells of the last write after a read.
      changes: this.#writes ? Number(result.changes) : 0,
      lastInsertRowid: this.#rowid(result.lastInsertRowid),
    };
  }

  step(): void {
    this.#statement.run();
  }

  get(parameters: Parameters): Row | undefined {
    const bound = this.#bind(parameters);
    const query = () => this.#statement.get(...bound) as Value[] | undefined;
    let row = this.#read(query);
    if (!this.#exact && row?.includes(LEAST)) {
      this.#readExactly();
      row = query();
    }
    return row === undefined ? undefined : this.#name(row);
  }

  all(parameters: Parameters): Row[] {
    const bound = this.#bind(parameters);
    const query = () => this.#statement.all(...bound) as Value[][];
    let rows = this.#read(query);
    if (!this.#exact && rows.some((row) => row.includes(LEAST))) {
      this.#readExactly();
      rows = query();
    }
    if (!this.#fixedNames) this.#names = undefined;
    return rows.map((row) => this.#name(row, true));
  }

  *iterate(parameters: Parameters): IterableIterator<Row> {
    if (losesErrors(this.#database)) {
      yield* this.all(parameters);
      return;
    }
    this.#readExactly();
    const bound = this.#bind(parameters);
    for (const row of this.#statement.iterate(...bound)) {
      yield this.#name(row as Value[]);
    }
  }

  /** node:sqlite finalizes when the database closes or the object is gone. */
  finalize(): void {}

  #bind(parameters: Parameters): Parameters {
    const values = arrange(bindable(parameters, true), this.#parameters);
    if (this.#byPosition) return values;
    const numbered = takesNumbered(this.#database);
    return byName(
      values,
      this.#parameters,
      (name) => numbered && name.startsWith("?") ? null : name,
    );
  }

  #read<T>(query: () => T): T {
    try {
      return query();
    } catch (error) {
      if (this.#exact || !isTooLarge(error)) throw error;
    }
    this.#readExactly();
    return query();
  }

  #readExactly(): void {
    if (!this.#exact) this.#statement.setReadBigInts(true);
    this.#exact = true;
  }

  #name(values: Value[], checked = false): Row {
    let names = this.#names;
    if (
      names === undefined || names.length !== values.length ||
      !(checked || this.#fixedNames)
    ) {
      names = this.#statement.columns().map((column) => column.name);
      this.#names = names;
    }
    const row: Row = {};
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const raw = values[i] ?? null;
      const value = this.#exact ? narrow(raw) : raw;
      if (name === "__proto__") define(row, name, value);
      else row[name] = value;
    }
    return row;
  }

  #rowid(rowid: number | bigint): number | bigint {
    if (!isDoubtful(rowid)) return narrow(rowid) as number | bigint;
    const statement = this.#database.prepare(
      "SELECT last_insert_rowid() AS id",
    );
    statement.setReadBigInts(true);
    return narrow((statement.get() as { id: bigint }).id) as bigint;
  }
}

const WRITES =
  /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:insert|update|delete|replace|with)\b/i;

// The one large integer that the driver rounds instead of throwing, in Node 22
// and 24 and Deno 2.9: it looks at the absolute value, which that one has not.
const LEAST = -(2 ** 63);

function isTooLarge(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_OUT_OF_RANGE";
}

// Assigning it would set the prototype.
function define(row: Row, name: string, value: Value): void {
  Object.defineProperty(row, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}
