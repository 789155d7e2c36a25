import { open } from "litelatch";

const db = open("app.db", { app: "my-server" });
db.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
db.write(() => db.prepare("INSERT INTO event VALUES (?)").run("started"));
