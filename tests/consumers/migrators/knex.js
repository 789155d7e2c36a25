import knex from "knex";
import { once } from "./once.js";
import { run } from "./run.js";
import { WORK } from "./work.js";

async function fill(db, text) {
  await db("note").insert({ text });
  await db.raw(WORK);
  await db("note").insert({ text: `${text} end` });
}

const steps = {
  first: {
    async up(db) {
      await db.schema.createTable("note", (table) => table.text("text"));
      await fill(db, "first");
    },
    down: async () => {},
  },
  second: {
    async up(db) {
      await db.schema.alterTable("note", (table) => table.text("at"));
      await fill(db, "second");
    },
    down: async () => {},
  },
};
const migrationSource = {
  getMigrations: async () => Object.keys(steps),
  getMigrationName: (name) => name,
  getMigration: async (name) => steps[name],
};

async function migrate(path) {
  const db = knex({
    client: "better-sqlite3",
    connection: { filename: path },
    useNullAsDefault: true,
  });
  try {
    await db.migrate.latest({ migrationSource });
  } finally {
    await db.destroy();
  }
}

await run(async (path, way) => {
  if (way === "plain") await migrate(path);
  else await once(path, () => migrate(path));
});
