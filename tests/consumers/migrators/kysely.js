import Database from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { once } from "./once.js";
import { run } from "./run.js";

const first = {
  async up(db) {
    await db.schema.createTable("note").addColumn("text", "text").execute();
    await db.insertInto("note").values({ text: "first" }).execute();
  },
};
const second = {
  async up(db) {
    await db.schema.alterTable("note").addColumn("at", "text").execute();
    await db.insertInto("note").values({ text: "second" }).execute();
  },
};

// To switch to WAL is no less a thing to do one at a time.
async function migrate(path) {
  const native = new Database(path, { timeout: 5000 });
  native.pragma("journal_mode = WAL");
  const db = new Kysely({ dialect: new SqliteDialect({ database: native }) });
  const provider = { getMigrations: async () => ({ first, second }) };
  try {
    const { error } = await new Migrator({ db, provider }).migrateToLatest();
    if (error) throw error;
  } finally {
    await db.destroy();
  }
}

await run(async (path, way) => {
  if (way === "plain") await migrate(path);
  else await once(path, () => migrate(path));
});
