import { DatabaseSync } from "node:sqlite";

const db = new DatabaseSync("app.db", { timeout: 5000 });
db.exec("PRAGMA journal_mode = WAL");
db.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
db.exec("BEGIN IMMEDIATE");
try {
  db.prepare("INSERT INTO event VALUES (?)").run("started");
  db.exec("COMMIT");
} catch (error) {
  db.exec("ROLLBACK");
  throw error;
}
