import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";

const event = sqliteTable("event", { text: text() });
const native = new Database("app.db", { timeout: 5000 });
native.pragma("journal_mode = WAL");
native.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const orm = drizzle({ client: native });
orm.transaction((tx) => tx.insert(event).values({ text: "started" }).run(), {
  behavior: "immediate",
});
