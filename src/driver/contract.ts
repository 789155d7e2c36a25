/** The little of SQLite that litelatch needs, the same on every runtime. */

/** What a column can hold. Integers beyond 2^53 - 1 are `bigint`. */
export type Value = null | number | bigint | string | Uint8Array;

/** A row as a plain object, a key a column. */
export type Row = Record<string, Value>;

/** By position, or one object by name, with or without the sign. */
export type Parameters = Value[] | [Record<string, Value>];

/** What a statement changed. */
export interface RunResult {
  /** Rows inserted, updated or deleted, those of triggers left out. */
  changes: number;
  /** The rowid of the latest insert on this connection. */
  lastInsertRowid: number | bigint;
}

export interface Prepared {
  run(parameters: Parameters): RunResult;
  get(parameters: Parameters): Row | undefined;
  all(parameters: Parameters): Row[];
  iterate(parameters: Parameters): IterableIterator<Row>;
  /** Gives its memory back, and with it any lock that it keeps. */
  finalize(): void;
}

export interface Connection {
  readonly native: unknown;
  /** Whether we opened it, so that nobody else has the driver's object. */
  readonly owned: boolean;
  /** Runs one or more statements and forgets their rows. */
  exec(sql: string): void;
  prepare(sql: string): Prepared;
  /** All rows of a pragma or a query, asked for once. */
  rows(sql: string): Row[];
  /** The one value that it answers with. */
  value(sql: string): Value;
  inTransaction(): boolean;
  /** Throws, or says no, once its owner has closed it: also if it was reopened. */
  isOpen(): boolean;
  /** Closes for good: no lock stays behind. Closing twice is fine. One that is
   * adopted stays open for its owner, unless it is closed in his place. */
  close(forOwner?: boolean): void;
}

export interface ConnectionOptions {
  readOnly?: boolean;
  /** For how long to wait for whoever keeps writers out; else no matter. */
  busyTimeout?: number | undefined;
  /** Whether nobody can change it, so that SQLite needs neither lock nor WAL. */
  immutable?: boolean;
}
