import { Kysely, SqliteDialect } from "kysely";
import { open } from "litelatch";
import { LitelatchDialect } from "./kysely_dialect.js";
import { count, pause } from "./load.js";

const dialects = {
  async plain() {
    const { default: Database } = await import("better-sqlite3");
    const native = new Database("app.db", { timeout: 5000 });
    native.pragma("journal_mode = WAL");
    return new SqliteDialect({ database: native });
  },
  documented: () => new LitelatchDialect(open("app.db", { app: "kysely" })),
};

await count(async (way) => {
  const orm = new Kysely({ dialect: await dialects[way]() });
  return {
    async readThenWrite() {
      await orm.transaction().execute(async (tx) => {
        const { n } = await tx.selectFrom("counter").select("n")
          .executeTakeFirstOrThrow();
        await pause();
        await tx.updateTable("counter").set({ n: n + 1 }).execute();
      });
    },
    read: () => orm.selectFrom("counter").select("n").execute(),
    close: () => orm.destroy(),
  };
});
