import { open } from "litelatch";
import { legacyLocks } from "litelatch/legacy";

const db = open("app.db", {
  app: "my-server",
  lock: "exclusive",
  legacy: legacyLocks("app.pid"),
});
db.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
db.write(() => db.prepare("INSERT INTO event VALUES (?)").run("started"));
