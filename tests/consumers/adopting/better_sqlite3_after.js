import Database from "better-sqlite3";
import { adopt } from "litelatch";

const native = new Database("app.db");
const db = adopt(native, { app: "my-server" });
native.exec("CREATE TABLE IF NOT EXISTS event (text TEXT)");
const add = native.prepare("INSERT INTO event VALUES (?)");
db.write(() => add.run("started"));
