import knex from "knex";
import { LitelatchClient } from "./knex_client.js";
import { count, pause } from "./load.js";

await count((way) => {
  const orm = knex({
    client: way === "plain" ? "better-sqlite3" : LitelatchClient,
    connection: { filename: "app.db" },
    useNullAsDefault: true,
  });
  return {
    async readThenWrite() {
      await orm.transaction(async (tx) => {
        const { n } = await tx("counter").first("n");
        await pause();
        await tx("counter").update({ n: n + 1 });
      });
    },
    read: () => orm("counter").select("n"),
    close: () => orm.destroy(),
  };
});
