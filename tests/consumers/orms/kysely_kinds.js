// A table that others refer to, and what SQLite would do for a write.
import assert from "node:assert/strict";
import { Kysely, sql } from "kysely";
import { open } from "litelatch";
import { LitelatchDialect } from "./kysely_dialect.js";

const orm = new Kysely({ dialect: new LitelatchDialect(open("kinds.db")) });
const run = (text, on = orm) => sql.raw(text).execute(on);
await run("CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT)");
await run("CREATE TABLE book (author REFERENCES author ON DELETE CASCADE)");
const insert = orm.insertInto("author").values({ id: 1, name: "Ada" });
assert.ok((await insert.explain()).length > 0);
await insert.execute();
await orm.insertInto("book").values({ author: 1 }).execute();

await run("PRAGMA foreign_keys = OFF");
await orm.transaction().execute(async (tx) => {
  await run("CREATE TABLE other (id INTEGER PRIMARY KEY)", tx);
  await run("INSERT INTO other SELECT id FROM author", tx);
  await run("DROP TABLE author", tx);
  await run("ALTER TABLE other RENAME TO author", tx);
});
await run("PRAGMA foreign_keys = ON");
assert.deepEqual(await orm.selectFrom("book").selectAll().execute(), [
  { author: 1 },
]);
const wrong = orm.insertInto("book").values({ author: 7 });
await assert.rejects(wrong.execute(), /FOREIGN KEY/);
await orm.destroy();
