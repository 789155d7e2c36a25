import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { adopt } from "litelatch";

const event = sqliteTable("event", { text: text() });
const native = new Database("app.db");
const db = adopt(native, { app: "my-server" });
native.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const orm = drizzle({ client: native });
db.write(() => orm.insert(event).values({ text: "started" }).run());
