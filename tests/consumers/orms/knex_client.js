import BetterSqlite3 from "knex/lib/dialects/better-sqlite3/index.js";
import { Connection } from "./connection.js";

/** `knex({ client: LitelatchClient, connection: { filename: "app.db" } })` */
export class LitelatchClient extends BetterSqlite3 {
  _driver() {
    return Connection;
  }

  // As in knex, but that BEGIN, COMMIT and ROLLBACK are awaited.
  async _query(connection, obj) {
    const statement = await connection.prepare(obj.sql);
    return await super._query({ prepare: () => statement }, obj);
  }
}
