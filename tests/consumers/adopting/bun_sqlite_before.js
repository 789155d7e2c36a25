import { Database } from "bun:sqlite";

const db = new Database("app.db");
db.exec("PRAGMA journal_mode = WAL");
db.exec("PRAGMA busy_timeout = 5000");
db.exec("PRAGMA foreign_keys = ON");
db.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const add = db.prepare("INSERT INTO event VALUES (?)");
db.transaction(() => add.run("started")).immediate();
