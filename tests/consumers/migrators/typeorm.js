import Database from "better-sqlite3";
import { DataSource } from "typeorm";
import { once } from "./once.js";
import { run } from "./run.js";
import { WORK } from "./work.js";

async function fill(runner, text) {
  await runner.query("INSERT INTO note (text) VALUES (?)", [text]);
  await runner.query(WORK);
  await runner.query("INSERT INTO note (text) VALUES (?)", [`${text} end`]);
}

class First {
  name = "First1000000000001";
  async up(runner) {
    await runner.query("CREATE TABLE note (text TEXT)");
    await fill(runner, "first");
  }
  async down() {}
}

class Second {
  name = "Second1000000000002";
  async up(runner) {
    await runner.query("ALTER TABLE note ADD COLUMN at TEXT");
    await fill(runner, "second");
  }
  async down() {}
}

async function migrate(path) {
  const source = new DataSource({
    type: "better-sqlite3",
    driver: Database,
    database: path,
    enableWAL: true,
    migrations: [First, Second],
  });
  await source.initialize();
  try {
    await source.runMigrations();
  } finally {
    await source.destroy();
  }
}

await run(async (path, way) => {
  if (way === "plain") await migrate(path);
  else await once(path, () => migrate(path));
});
