import { open } from "litelatch";
import { Turn } from "./turn.js";

const NOTHING = { reader: false, run: () => ({ changes: 0 }) };
const READS = /^\s*(select|values|pragma|explain)\b/i;

/** What knex and TypeORM take for a connection of better-sqlite3. */
export class Connection {
  #db;
  #turn;

  constructor(path, { timeout = 5000 } = {}) {
    this.#db = open(path, { busyTimeout: timeout });
    this.#turn = new Turn(this.#db);
  }

  /** A promise where the statement begins or ends a transaction. */
  prepare(sql) {
    const turn = this.#turn;
    if (/^\s*begin\b/i.test(sql)) return turn.begin().then(() => NOTHING);
    if (/^\s*commit\b/i.test(sql)) return turn.commit().then(() => NOTHING);
    if (/^\s*rollback\b(?!\s+to\b)/i.test(sql)) {
      return turn.rollback().then(() => NOTHING);
    }
    const statement = turn.handle.prepare(sql);
    return {
      reader: READS.test(sql) || hasRows(turn.handle, sql),
      all: (...values) => statement.all(...values.flat()),
      run: (...values) => statement.run(...values.flat()),
    };
  }

  pragma(text) {
    return this.#turn.handle.prepare(`PRAGMA ${text}`).all();
  }

  close() {
    this.#db.close();
  }
}

/** A comment or WITH may come first, so SQLite is asked. */
function hasRows(handle, sql) {
  return handle.prepare(`EXPLAIN ${sql}`).all()
    .some(({ opcode }) => opcode === "ResultRow");
}
