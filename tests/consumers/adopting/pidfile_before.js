import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

if (existsSync("app.pid")) {
  const pid = Number(readFileSync("app.pid", "utf8"));
  try {
    process.kill(pid, 0); // true for whoever has that PID now
    throw new Error(`already running as PID ${pid}`);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}
writeFileSync("app.pid", String(process.pid)); // two may come this far
process.on("exit", () => rmSync("app.pid", { force: true }));

const db = new DatabaseSync("app.db", { timeout: 5000 });
db.exec("PRAGMA journal_mode = WAL");
db.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
db.exec("INSERT INTO event VALUES ('started')");
