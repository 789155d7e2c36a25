/** What better-sqlite3 does in a way of its own, for `adopt`. */

import type { Connection } from "./contract.ts";
import {
  connected,
  type NativeDatabase,
  type NativeStatement,
  prepared,
  runToEnd,
} from "./prepared.ts";

type BetterDatabase = NativeDatabase<BetterStatement> & {
  open: boolean;
  unsafeMode(on: boolean): unknown;
};

interface BetterStatement extends NativeStatement {
  readonly reader: boolean;
  safeIntegers(on: boolean): BetterStatement;
}

/** Wraps a live Database of better-sqlite3; its owner closes it. */
export function connectBetter(native: BetterDatabase): Connection {
  const connection = connected(native, false, (sql) => {
    const statement = native.prepare(sql).safeIntegers(true);
    const { reader } = statement;
    // It runs only what returns no rows, and asks only what does.
    if (reader) runToEnd(statement, () => connection);
    else {
      statement.get = (...values) => void statement.run(...values);
      statement.all = (...values) => [statement.run(...values)].slice(1);
      statement.iterate = statement.all;
    }
    return prepared(statement, sql, {
      call: (name) => name.slice(1),
      hasRows: () => reader,
    });
  }, () => native.open);
  // Beside a loop over rows it refuses all others, also the end of a transaction
  // whose body has left one in its midst: that locked everybody out.
  const exec = (sql: string) => {
    try {
      connection.exec(sql);
    } catch (error) {
      if (!/^TypeError.*busy executing/.test(String(error))) throw error;
      native.unsafeMode(true);
      try {
        connection.exec(sql);
      } finally {
        native.unsafeMode(false);
      }
    }
  };
  return { ...connection, exec };
}
