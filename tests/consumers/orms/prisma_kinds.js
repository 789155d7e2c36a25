// What Prisma writes by the adapter it reads again, and what it undoes is gone.
import assert from "node:assert/strict";
import { open } from "litelatch";
import { PrismaClient } from "./generated/client.ts";
import { LitelatchPrisma } from "./prisma_adapter.js";

const db = open("kinds.db");
db.exec(`CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER);
  CREATE TABLE kinds (id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE, at DATETIME NOT NULL, "is" BOOLEAN NOT NULL,
    large BIGINT NOT NULL, real REAL NOT NULL, exact DECIMAL NOT NULL,
    bytes BLOB NOT NULL, json JSONB NOT NULL, empty TEXT, until DATETIME)`);
db.close();
const orm = new PrismaClient({ adapter: new LitelatchPrisma("kinds.db") });

const data = {
  name: "one",
  at: new Date(5),
  is: true,
  large: 9007199254740993n,
  real: 1.5,
  exact: "0.25",
  bytes: new Uint8Array([1, 2]),
  json: { a: [1] },
};
await orm.kinds.create({ data });
const where = { is: true, at: { lt: new Date(6) }, large: { gt: 5n } };
const { exact, ...found } = await orm.kinds.findFirstOrThrow({ where });
assert.equal(String(exact), data.exact);
assert.deepEqual({ ...found, exact: data.exact }, {
  ...data,
  id: 1,
  empty: null,
  until: null,
});
await assert.rejects(orm.kinds.create({ data }), { code: "P2002" });
for (const until of [new Date(7), null]) {
  await orm.kinds.update({ where: { id: 1 }, data: { until } });
  assert.equal(await orm.kinds.count({ where: { until } }), 1);
  const { until: read } = await orm.kinds.findFirstOrThrow();
  assert.deepEqual(read, until);
}

const counters = async () =>
  (await orm.counter.findMany()).map(({ id }) => id).join();
await orm.$transaction([
  orm.counter.create({ data: { id: 1, n: 1 } }),
  orm.counter.create({ data: { id: 2, n: 1 } }),
]);
await assert.rejects(
  orm.$transaction(async (tx) => {
    await tx.counter.create({ data: { id: 3, n: 1 } });
    assert.equal(await counters(), "1,2");
    throw new Error("undone");
  }),
  /undone/,
);
await orm.$transaction(async (tx) => {
  await tx.counter.create({ data: { id: 4, n: 1 } });
  const inner = tx.$transaction(async (tx) => {
    await tx.counter.create({ data: { id: 5, n: 1 } });
    throw new Error("undone");
  });
  await assert.rejects(inner, /undone/);
});
await assert.rejects(
  orm.$transaction(async (tx) => {
    await tx.counter.create({ data: { id: 6, n: 1 } });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }, { timeout: 20 }),
  { code: "P2028" },
);
assert.equal(await counters(), "1,2,4");
await orm.$disconnect();
