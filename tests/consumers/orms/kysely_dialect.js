import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely";
import { Turn } from "./turn.js";

/** `new Kysely({ dialect: new LitelatchDialect(open("app.db")) })` */
export class LitelatchDialect {
  #db;

  constructor(db) {
    this.#db = db;
  }

  createAdapter() {
    return new Adapter();
  }

  createIntrospector(orm) {
    return new SqliteIntrospector(orm);
  }

  createQueryCompiler() {
    return new SqliteQueryCompiler();
  }

  createDriver() {
    return {
      init: async () => {},
      acquireConnection: async () => new Connection(this.#db),
      beginTransaction: (connection) => connection.turn.begin(),
      commitTransaction: (connection) => connection.turn.commit(),
      rollbackTransaction: (connection) => connection.turn.rollback(),
      releaseConnection: async () => {},
      destroy: async () => this.#db.close(),
    };
  }
}

/** Kysely believes that SQLite could not roll back a CREATE TABLE. */
class Adapter extends SqliteAdapter {
  get supportsTransactionalDdl() {
    return true;
  }
}

class Connection {
  turn;

  constructor(db) {
    this.turn = new Turn(db);
  }

  async executeQuery({ sql, parameters, query }) {
    const statement = this.turn.handle.prepare(sql);
    const isWrite = /^(Insert|Update|Delete)QueryNode$/.test(query.kind);
    if (!isWrite || query.returning || query.explain) {
      return { rows: statement.all(...parameters) };
    }
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return {
      rows: [],
      numAffectedRows: BigInt(changes),
      insertId: BigInt(lastInsertRowid),
    };
  }

  async *streamQuery({ sql, parameters }) {
    for (const row of this.turn.handle.prepare(sql).iterate(...parameters)) {
      yield { rows: [row] };
    }
  }
}
