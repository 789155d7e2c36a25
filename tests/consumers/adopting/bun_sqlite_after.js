import { Database } from "bun:sqlite";
import { adopt } from "litelatch";

const native = new Database("app.db");
const db = adopt(native, { app: "my-plugin" });
native.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const add = native.prepare("INSERT INTO event VALUES (?)");
db.write(() => add.run("started"));
