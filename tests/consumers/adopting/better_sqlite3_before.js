import Database from "better-sqlite3";

const db = new Database("app.db", { timeout: 5000 });
db.pragma("journal_mode = WAL");
db.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const add = db.prepare("INSERT INTO event VALUES (?)");
db.transaction(() => add.run("started")).immediate();
