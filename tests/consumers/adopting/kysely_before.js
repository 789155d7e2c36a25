import Database from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";

const native = new Database("app.db", { timeout: 5000 });
native.pragma("journal_mode = WAL");
native.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const orm = new Kysely({ dialect: new SqliteDialect({ database: native }) });
await orm.insertInto("event").values({ text: "started" }).execute();
