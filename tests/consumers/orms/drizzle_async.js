import { integer, sqliteTable } from "drizzle-orm/sqlite-core";
import { open } from "litelatch";
import { drizzleOn } from "./drizzle_on.js";
import { count, pause } from "./load.js";

const counter = sqliteTable("counter", { n: integer() });

await count(() => {
  const db = open("app.db", { app: "drizzle" });
  const orm = drizzleOn(db);
  return {
    readThenWrite: () =>
      db.writeAsync(async (tx) => {
        const orm = drizzleOn(tx);
        const { n } = await orm.select().from(counter).get();
        await pause();
        await orm.update(counter).set({ n: n + 1 });
      }),
    read: () => orm.select().from(counter).get(),
    close: () => db.close(),
  };
});
