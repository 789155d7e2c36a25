/**
 * One connection and its statements, over the methods that the drivers share.
 */

import type {
  Connection,
  Prepared,
  Row,
  RunResult,
  Value,
} from "./contract.ts";
import { binder } from "./parameters.ts";

/** A driver's statement, told to give every integer as a `bigint`. */
export interface NativeStatement {
  run(...values: unknown[]): RunResult;
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate(...values: unknown[]): Iterable<unknown>;
}

export interface NativeDatabase<Statement = unknown> {
  /** Only of `node:sqlite`. */
  readonly isOpen?: boolean;
  /** One of the two is there. */
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(throwOnError: boolean): void;
}

/** What a driver does in a way of its own. */
export interface Ways {
  /** As {@linkcode binder} takes it. */
  call?(name: string): string | null;
  /** Makes rows of what it gave; asked for once the first is there. */
  rows?(): (given: unknown) => Row;
  /** Given where a count may be of an earlier statement: has this one rows? */
  hasRows?(): boolean;
  finalize?(): void;
}

/** Makes a connection of a driver's; only an owned one is closed with it. */
export function connected(
  native: NativeDatabase,
  owned: boolean,
  prepare: (sql: string) => Prepared,
  isOpen: () => boolean,
  beforeClose?: () => void,
): Connection {
  let closed = false;
  const rows = (sql: string): Row[] => {
    const statement = prepare(sql);
    try {
      return statement.all([]);
    } finally {
      statement.finalize();
    }
  };
  return {
    native,
    owned,
    // Bun throws where there is no statement.
    exec: (sql) => void (bare(sql) && native.exec(sql)),
    prepare,
    rows,
    value: (sql) => Object.values(rows(sql)[0] ?? {})[0] ?? null,
    inTransaction() {
      try {
        return native.inTransaction ?? native.isTransaction ?? false;
      } catch {
        return false; // its owner has closed it
      }
    },
    isOpen: () => !closed && isOpen(),
    close(forOwner = false) {
      if (closed) return;
      beforeClose?.();
      if (owned || forOwner) native.close(true);
      closed = owned || forOwner;
    },
  };
}

export function prepared(
  statement: NativeStatement,
  sql: string,
  { rows = () => narrowRow, hasRows, finalize = () => {}, call }: Ways,
): Prepared {
  const bind = binder(bare(sql), call);
  // Its COMMIT comes after the rows, and of a failure there get() tells nothing.
  const returns = RETURNS.test(sql);
  let counts = hasRows ? undefined : true;
  return {
    run(parameters) {
      const { changes, lastInsertRowid } = statement.run(...bind(parameters));
      counts ??= WRITES.test(bare(sql)) && (returns || !hasRows?.());
      return {
        changes: counts ? Number(changes) : 0,
        lastInsertRowid: narrow(lastInsertRowid) as number | bigint,
      };
    },
    get(parameters) {
      const values = bind(parameters);
      const row = returns
        ? statement.all(...values)[0]
        : statement.get(...values);
      return row ? rows()(row) : undefined;
    },
    all: (parameters) => statement.all(...bind(parameters)).map(rows()),
    *iterate(parameters) {
      let toRow: ReturnType<typeof rows> | undefined;
      for (const given of statement.iterate(...bind(parameters))) {
        yield (toRow ??= rows())(given);
      }
    },
    finalize,
  };
}

/** Makes run() take all rows, and ask for the counts after them. */
export function runToEnd(
  statement: NativeStatement,
  connection: () => Connection,
): void {
  statement.run = (...values) => {
    statement.all(...values);
    const [counts] = connection().rows(
      "SELECT changes() AS changes, last_insert_rowid() AS lastInsertRowid",
    );
    return counts as unknown as RunResult;
  };
}

/** SQL without the blanks and comments before it. */
export function bare(sql: string): string {
  return sql.replace(
    /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*/,
    "",
  );
}

const WRITES = /^(?:insert|update|delete|replace|with)\b/i;
// In two parts: in one it took seconds where "insert" came 20,000 times.
const RETURNS =
  /^(?=[^]*\breturning\b)[^]*?\b(?:insert|update|delete|replace)\b/i;

/** A `bigint` as a number, where that loses nothing. */
export function narrow(value: Value): Value {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function narrowRow(given: unknown): Row {
  const row = given as Row;
  // Not with `in`, which also finds what others have put on Object.prototype.
  for (const name of Object.keys(row)) row[name] = narrow(row[name] ?? null);
  return row;
}
