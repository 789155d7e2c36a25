import Database from "better-sqlite3";
import { Kysely, sql, SqliteAdapter, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { once } from "./once.js";
import { run } from "./run.js";
import { WORK } from "./work.js";

async function fill(db, text) {
  await db.insertInto("note").values({ text }).execute();
  await sql.raw(WORK).execute(db);
  await db.insertInto("note").values({ text: `${text} end` }).execute();
}

const first = {
  async up(db) {
    await db.schema.createTable("note").addColumn("text", "text").execute();
    await fill(db, "first");
  },
};
const second = {
  async up(db) {
    await db.schema.alterTable("note").addColumn("at", "text").execute();
    await fill(db, "second");
  },
};

/** Kysely believes that SQLite could not roll back a CREATE TABLE. */
class Adapter extends SqliteAdapter {
  get supportsTransactionalDdl() {
    return true;
  }
}

class Dialect extends SqliteDialect {
  createAdapter() {
    return new Adapter();
  }
}

// To switch to WAL is no less a thing to do one at a time.
async function migrate(path, SomeDialect) {
  const native = new Database(path, { timeout: 5000 });
  native.pragma("journal_mode = WAL");
  const db = new Kysely({ dialect: new SomeDialect({ database: native }) });
  const provider = { getMigrations: async () => ({ first, second }) };
  try {
    const { error } = await new Migrator({ db, provider }).migrateToLatest();
    if (error) throw error;
  } finally {
    await db.destroy();
  }
}

await run(async (path, way) => {
  if (way === "plain") await migrate(path, SqliteDialect);
  else await once(path, () => migrate(path, Dialect));
});
