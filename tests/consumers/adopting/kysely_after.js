import Database from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { adopt } from "litelatch";

const native = new Database("app.db");
const db = adopt(native, { app: "my-server" });
native.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const orm = new Kysely({ dialect: new SqliteDialect({ database: native }) });

// Kysely's own statements wait as long as busyTimeout says. It runs them
// later, and write() needs them now: so compile it, and run it here.
const add = orm.insertInto("event").values({ text: "started" }).compile();
db.write(() => native.prepare(add.sql).run(...add.parameters));
