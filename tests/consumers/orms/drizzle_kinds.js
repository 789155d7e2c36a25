// Columns of two tables that have one name are told apart.
import assert from "node:assert/strict";
import { desc, eq, sql } from "drizzle-orm";
import { blob, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { open } from "litelatch";
import { drizzleOn } from "./drizzle_on.js";

const author = sqliteTable("author", {
  id: integer().primaryKey(),
  name: text(),
  is: integer({ mode: "boolean" }),
  at: integer({ mode: "timestamp_ms" }),
  large: blob({ mode: "bigint" }),
});
const book = sqliteTable("book", {
  id: integer().primaryKey(),
  author: integer(),
});
const db = open("joined.db");
db.exec(`CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT, "is" INTEGER,
    at INTEGER, large BLOB);
  CREATE TABLE book (id INTEGER PRIMARY KEY, author INTEGER)`);
const one = { id: 1, name: "one", is: true, at: new Date(5), large: 7n };
const [returned] = await drizzleOn(db).insert(author).values(one).returning();
assert.deepEqual(returned, one);
await db.writeAsync(async (tx) => {
  const orm = drizzleOn(tx);
  await orm.insert(book).values([{ id: 8, author: 1 }, { id: 9, author: 1 }]);
  const joined = orm.select().from(book)
    .innerJoin(author, eq(author.id, book.author)).orderBy(desc(book.id));
  assert.deepEqual(await joined, [
    { book: { id: 9, author: 1 }, author: one },
    { book: { id: 8, author: 1 }, author: one },
  ]);
});
const named = drizzleOn(db).$with("named").as(
  drizzleOn(db).select().from(book).where(eq(book.id, 8)),
);
assert.deepEqual(await drizzleOn(db).with(named).select().from(named), [
  { id: 8, author: 1 },
]);
const none = drizzleOn(db).select().from(book).where(eq(book.id, 7));
assert.equal(await none.get(), undefined);
// A key such as "1" would come first, and its value to another column.
const swapped = () =>
  drizzleOn(db).select({ id: book.id, one: sql`1` }).from(book);
await assert.rejects(swapped(), (error) => {
  assert.match(String(error.cause ?? error), /column 1 a name: \.as\("…"\)/);
  return true;
});
const asOne = sql`1`.as("one");
const [right] = await drizzleOn(db).select({ id: book.id, one: asOne })
  .from(book);
assert.deepEqual(right, { id: 8, one: 1 });
await assert.rejects(drizzleOn(db).transaction(async () => {}));
db.close();
