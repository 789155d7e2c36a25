import Database from "better-sqlite3";
import { DataSource, EntitySchema } from "typeorm";
import { Connection } from "./connection.js";
import { count, pause } from "./load.js";

const Counter = new EntitySchema({
  name: "counter",
  columns: { id: { type: Number, primary: true }, n: { type: Number } },
});

await count((way) => {
  const source = new DataSource({
    type: "better-sqlite3",
    driver: way === "plain" ? Database : Connection,
    statementCacheSize: way === "plain" ? 100 : 0,
    database: "app.db",
    enableWAL: true,
    entities: [Counter],
  });
  const ready = source.initialize();
  return {
    async readThenWrite() {
      await ready;
      await source.transaction(async (tx) => {
        const one = await tx.findOneByOrFail(Counter, { id: 1 });
        await pause();
        one.n++;
        await tx.save(Counter, one);
      });
    },
    read: () => source.manager.findOneBy(Counter, { id: 1 }),
    close: () => source.destroy(),
  };
});
