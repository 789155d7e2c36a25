import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { integer, sqliteTable } from "drizzle-orm/sqlite-core";
import { adopt } from "litelatch";
import { count } from "./load.js";

const counter = sqliteTable("counter", { n: integer() });

await count((way) => {
  const native = new Database("app.db", { timeout: 5000 });
  native.pragma("journal_mode = WAL");
  const orm = drizzle({ client: native });
  const step = (tx) => {
    const { n } = tx.select().from(counter).get();
    tx.update(counter).set({ n: n + 1 }).run();
  };
  if (way === "plain") {
    return {
      readThenWrite: () => orm.transaction(step),
      read: () => orm.select().from(counter).get(),
      close: () => native.close(),
    };
  }
  const db = adopt(native, { app: "drizzle" });
  return {
    readThenWrite: () => db.writeAsync(() => step(orm)),
    read: () => orm.select().from(counter).get(),
    close: () => {
      db.close();
      native.close();
    },
  };
});
