/**
 * What better-sqlite3 does in a way of its own, for `adopt`.
 *
 * @module
 */

import type { Connection, RunResult } from "./contract.ts";
import {
  connected,
  type NativeDatabase,
  prepared,
  spread,
  type SpreadStatement,
} from "./statement.ts";

interface BetterStatement extends SpreadStatement {
  readonly reader: boolean;
  safeIntegers(on: boolean): BetterStatement;
}

interface BetterDatabase extends NativeDatabase {
  prepare(sql: string): BetterStatement;
}

const RESULT =
  "SELECT changes() AS changes, last_insert_rowid() AS lastInsertRowid";

/** Wraps a live Database of better-sqlite3; its owner closes it. */
export function connectBetter(native: BetterDatabase): Connection {
  const exact = (sql: string) => native.prepare(sql).safeIntegers(true);
  return connected(native, false, (sql) => {
    const statement = exact(sql);
    const { reader } = statement;
    const methods = spread(statement);
    // It runs only what returns no rows, and asks only what does.
    if (reader) {
      methods.run = (values) => {
        statement.all(...values);
        return exact(RESULT).get() as RunResult;
      };
    } else {
      methods.get = (values) => void statement.run(...values);
      methods.all = (values) => [statement.run(...values)].slice(1);
      methods.iterate = methods.all;
    }
    return prepared(methods, sql, {
      call: (name) => name.slice(1),
      numbersAreReal: true,
      hasRows: () => reader,
    });
  });
}
