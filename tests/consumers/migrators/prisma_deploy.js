import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { open } from "litelatch";
import { migrate } from "litelatch/migrate";

/** What `prisma migrate deploy` does, but each migration whole or not at all. */
export function deploy(path, folder = "prisma/migrations") {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  // Where Prisma rebuilds a table, it has foreign keys off.
  const db = open(path, { foreignKeys: false });
  try {
    migrate(
      db,
      names.map((name) => () => {
        apply(db, name, readFileSync(`${folder}/${name}/migration.sql`));
      }),
    );
  } finally {
    db.close();
  }
}

function apply(db, name, file) {
  db.exec(`CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                    TEXT PRIMARY KEY NOT NULL,
    "checksum"              TEXT NOT NULL,
    "finished_at"           DATETIME,
    "migration_name"        TEXT NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        DATETIME,
    "started_at"            DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count"   INTEGER UNSIGNED NOT NULL DEFAULT 0
)`);
  const known = db.prepare(
    "SELECT finished_at FROM _prisma_migrations " +
      "WHERE migration_name = ? AND rolled_back_at IS NULL",
  ).get(name);
  if (known?.finished_at === null) throw new Error(`${name} is half done`);
  if (known !== undefined) return;
  db.exec(file.toString());
  db.prepare(
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, " +
      "started_at, finished_at, applied_steps_count) VALUES (?, ?, ?, ?, ?, 1)",
  ).run(
    randomUUID(),
    createHash("sha256").update(file).digest("hex"),
    name,
    Date.now(),
    Date.now(),
  );
}
