// Tables that others refer to, and statements that do not begin with their verb.
import assert from "node:assert/strict";
import { open } from "litelatch";
import { DataSource, EntitySchema } from "typeorm";
import { Connection } from "./connection.js";

function source(columns) {
  return new DataSource({
    type: "better-sqlite3",
    driver: Connection,
    statementCacheSize: 0,
    database: "kinds.db",
    synchronize: true,
    entities: [
      new EntitySchema({
        name: "author",
        columns: { id: { type: Number, primary: true }, ...columns },
      }),
      new EntitySchema({
        name: "book",
        columns: { id: { type: Number, primary: true } },
        relations: {
          author: {
            type: "many-to-one",
            target: "author",
            onDelete: "CASCADE",
          },
        },
      }),
    ],
  });
}

const before = source({ name: { type: String } });
await before.initialize();
await before.manager.insert("author", { id: 1, name: "Ada" });
await before.manager.insert("book", { id: 1, author: { id: 1 } });
await before.destroy();

// TypeORM rebuilds the table, with foreign keys off.
const after = source({
  name: { type: String, nullable: true },
  mail: { type: String, nullable: true },
});
await after.initialize();
assert.equal(await after.manager.count("book"), 1);
const query = after.manager.createQueryBuilder("author", "author");
assert.deepEqual(await query.comment("who").getMany(), [
  { id: 1, name: "Ada", mail: null },
]);
await after.query("WITH n AS (SELECT 'Bob' AS n) UPDATE author SET name = 'B'");
assert.deepEqual(await after.manager.find("author"), [
  { id: 1, name: "B", mail: null },
]);

// Of two at once one is refused, and none stays open.
const two = [8, 9].map((id) =>
  after.transaction((tx) => tx.insert("author", { id, name: "C" }))
);
const ends = await Promise.allSettled(two);
assert.ok(ends.some(({ status }) => status === "rejected"));
const other = open("kinds.db", { busyTimeout: 1000 });
other.write(() => other.exec("DELETE FROM author WHERE id > 7"));
other.close();
await after.destroy();
