// The same by the runtime's own SQLite, with all that litelatch leaves to it.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";

const bun = process.getBuiltinModule("bun:sqlite");
const db = bun
  ? new bun.Database("app.db")
  : new (process.getBuiltinModule("node:sqlite").DatabaseSync)("app.db");
db.exec("PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL");
db.exec("PRAGMA synchronous=NORMAL");
db.exec("CREATE TABLE IF NOT EXISTS task (id TEXT, place INTEGER PRIMARY KEY)");
const last = db.prepare("SELECT max(place) AS place FROM task");
const insert = db.prepare("INSERT INTO task VALUES (?, ?)");

const server = createServer((_request, response) => {
  const id = randomUUID();
  try {
    db.exec("BEGIN IMMEDIATE");
    insert.run(id, last.get().place + 1);
    db.exec("COMMIT");
    response.end(id);
  } catch (error) {
    response.statusCode = 503;
    response.end(String(error));
  }
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(server.address().port);
});
