import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";
import { open } from "litelatch";

const db = open("app.db", { app: "http-server" });
db.exec("CREATE TABLE IF NOT EXISTS task (id TEXT, place INTEGER PRIMARY KEY)");

/** Reads, awaits what another service says, and writes; all or nothing. */
async function addTask() {
  const id = randomUUID();
  await db.writeAsync(async (tx) => {
    const last = tx.prepare("SELECT max(place) AS place FROM task").get();
    await Promise.resolve();
    tx.prepare("INSERT INTO task VALUES (?, ?)").run(id, last.place + 1);
  });
  return id;
}

const server = createServer(async (_request, response) => {
  try {
    response.end(await addTask());
  } catch (error) {
    response.statusCode = 503;
    response.end(String(error));
  }
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(server.address().port);
});
