// Tables that others refer to, and statements that do not begin with their verb.
import assert from "node:assert/strict";
import knex from "knex";
import { LitelatchClient } from "./knex_client.js";

const orm = knex({
  client: LitelatchClient,
  connection: { filename: "kinds.db" },
  useNullAsDefault: true,
});
await orm.schema.createTable("author", (table) => {
  table.increments("id");
  table.text("name");
  table.text("mail");
});
await orm.schema.createTable("book", (table) => {
  table.increments("id");
  table.integer("author").references("author.id").onDelete("CASCADE");
});
await orm("author").insert({ name: "Ada" });
await orm("book").insert({ author: 1 });

// knex rebuilds the table, with foreign keys off.
await orm.schema.alterTable("author", (table) => table.dropColumn("mail"));
await orm.schema.alterTable("author", (table) => {
  table.text("name").notNullable().alter();
});
assert.deepEqual(await orm("book").select(), [{ id: 1, author: 1 }]);
await assert.rejects(orm("book").insert({ author: 7 }), /FOREIGN KEY/);

const named = () => orm("author").with("named", orm.raw("SELECT 'Bob' AS n"));
const copied = orm.raw("(name) SELECT n FROM named");
assert.deepEqual(await named().insert(copied), [2]);
assert.equal(await named().where({ id: 2 }).update({ name: "Eve" }), 1);
assert.equal(await named().where({ id: 2 }).del(), 1);
assert.deepEqual(await named().pluck("name"), ["Ada"]);
assert.deepEqual(
  await orm("author").comment("who").select(),
  [{ id: 1, name: "Ada" }],
);
assert.deepEqual(
  await orm.raw("INSERT INTO author (name) VALUES ('returning')"),
  { changes: 1, lastInsertRowid: 3 },
);
assert.deepEqual(
  await orm("author").insert({ name: "Kim" }).returning("name"),
  [{ name: "Kim" }],
);
await orm.destroy();
