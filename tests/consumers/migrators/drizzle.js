import { mkdirSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { once } from "./once.js";
import { run } from "./run.js";
import { WORK } from "./work.js";

// What drizzle-kit generates.
mkdirSync("drizzle/meta", { recursive: true });
const entries = [
  ["first", "CREATE TABLE note (text TEXT)"],
  ["second", "ALTER TABLE note ADD COLUMN at TEXT"],
].map(([tag, change], idx) => {
  const add = (text) => `INSERT INTO note (text) VALUES ('${text}')`;
  writeFileSync(
    `drizzle/${tag}.sql`,
    [change, add(tag), WORK, add(`${tag} end`)]
      .join("\n--> statement-breakpoint\n"),
  );
  return { idx, version: "6", when: 1000 + idx, tag, breakpoints: true };
});
const journal = { version: "7", dialect: "sqlite", entries };
writeFileSync("drizzle/meta/_journal.json", JSON.stringify(journal));

// To switch to WAL is no less a thing to do one at a time.
function migrateAll(path) {
  const native = new Database(path, { timeout: 5000 });
  native.pragma("journal_mode = WAL");
  try {
    migrate(drizzle({ client: native }), { migrationsFolder: "drizzle" });
  } finally {
    native.close();
  }
}

await run(async (path, way) => {
  if (way === "plain") await migrateAll(path);
  else await once(path, () => migrateAll(path));
});
