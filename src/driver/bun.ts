/** What `bun:sqlite` does in a way of its own. */

import type { Connection } from "./contract.ts";
import {
  bare,
  connected,
  type NativeDatabase,
  type NativeStatement,
  prepared,
} from "./prepared.ts";

interface BunStatement extends NativeStatement {
  safeIntegers(on: boolean): unknown;
  finalize(): void;
}

type BunDatabase = NativeDatabase<BunStatement>;

export interface BunModule {
  Database: new (path: string, flags: number) => BunDatabase;
}

export function connectBun(native: BunDatabase, owned: boolean): Connection {
  // A live statement keeps a closed database, and its locks, until it is
  // collected; so every one is finalized first. Weak, because a program may
  // prepare any number and drop them.
  const live = new Set<WeakRef<BunStatement>>();
  const prepare = (sql: string) => {
    const statement = native.prepare(sql);
    statement.safeIntegers(true);
    if (/^explain\b/i.test(bare(sql))) {
      // Else it does not end, and keeps the locks of whatever comes next.
      statement.all = (...values) => [...statement.iterate(...values)];
      statement.run = () => ({ changes: 0, lastInsertRowid: 0 });
    }
    if (live.size % 1000 === 999) {
      for (const old of live) if (!old.deref()) live.delete(old);
    }
    const reference = new WeakRef(statement);
    live.add(reference);
    return prepared(statement, sql, {
      finalize() {
        live.delete(reference);
        statement.finalize();
      },
    });
  };
  const isOpen = () => native.inTransaction !== undefined;
  return connected(native, owned, prepare, isOpen, () => {
    for (const reference of live) reference.deref()?.finalize();
  });
}
