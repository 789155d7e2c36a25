/** What `node:sqlite`, as Node and Deno have it, does in a way of its own. */

import type { Connection, Row, Value } from "./contract.ts";
import {
  connected,
  narrow,
  type NativeDatabase,
  type NativeStatement,
  prepared,
  runToEnd,
} from "./prepared.ts";

interface NodeStatement extends NativeStatement {
  columns(): { name: string }[];
  readonly sourceSQL: string;
  setAllowBareNamedParameters(on: boolean): void;
  setReadBigInts(on: boolean): void;
  setReturnArrays(on: boolean): void;
}

type NodeDatabase = NativeDatabase<NodeStatement>;

export interface NodeModule {
  DatabaseSync: new (path: string, options: object) => NodeDatabase;
}

export function connectNode(native: NodeDatabase, owned: boolean): Connection {
  // It ends with what it was made on, also if that is opened again.
  const witness = owned ? null : native.prepare("BEGIN");
  const connection = connected(native, owned, (sql) => {
    const statement = native.prepare(sql);
    // In Deno run() tells nothing of a COMMIT that fails after the rows.
    if (/\breturning\b/i.test(sql)) runToEnd(statement, () => connection);
    // Its owner may have set each for the whole connection.
    statement.setReadBigInts(true);
    // Rows come as arrays and get their names here: they are plain objects then,
    // faster than the driver's (1.6 against 2.2 µs for four columns).
    statement.setReturnArrays(true);
    // Else `:a` beside `@a` is an error, whatever is bound.
    statement.setAllowBareNamedParameters(false);
    // Names behind a `*` can change under a living statement.
    const isFixed = !/\*|\bpragma\b/i.test(sql);
    const columns = () => statement.columns().map(({ name }) => name);
    let naming: ReturnType<typeof named> | undefined;
    // In Deno 2.9 an error only ends the rows of iterate(), so that a busy
    // database would read as an empty one.
    const { iterate } = statement;
    statement.iterate = function* (...values) {
      losesErrors ??= !fails(native, "SELECT abs(-9223372036854775808)");
      const run = losesErrors ? statement.all : iterate;
      try {
        yield* run.apply(statement, values);
      } catch (error) {
        // Node leaves it in its midst, with its locks: what others wrote was not
        // seen any more, and what was written not committed. A new loop resets it.
        try {
          iterate.apply(statement, values);
        } catch {
          // It says once more what was wrong with the step.
        }
        throw error;
      }
    };
    return prepared(statement, sql, {
      // Node 22 wants `?1` by name, Node 24 and Deno by position.
      call: (name) =>
        name[0] !== "?" || (numberIsName ??= fails(native, "SELECT ?1", 1))
          ? name
          : null,
      rows: () => isFixed ? naming ??= named(columns()) : named(columns()),
      hasRows: () => columns().length > 0,
    });
  }, () => native.isOpen !== false && witness?.sourceSQL !== "");
  return connection;
}

/** Names the values of a row: a function for all rows of one query. */
function named(names: string[]): (given: unknown) => Row {
  // Copied: to assign `__proto__` where it is not there sets the prototype, and
  // any other name of one is refused where that is frozen.
  const blank: Row = Object.fromEntries(names.map((name) => [name, null]));
  return (given) => {
    const values = given as Value[];
    const row = { ...blank };
    for (let i = 0; i < names.length; i++) {
      row[names[i] as string] = narrow(values[i] as Value);
    }
    return row;
  };
}

// Both are found out by trying, once.
let losesErrors: boolean | undefined;
let numberIsName: boolean | undefined;

function fails(native: NodeDatabase, sql: string, ...values: number[]) {
  const statement = native.prepare(sql);
  try {
    for (const _row of statement.iterate(...values));
    return false;
  } catch {
    return true;
  }
}
