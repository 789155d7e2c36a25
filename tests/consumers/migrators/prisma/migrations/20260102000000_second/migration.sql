-- RedefineTables
PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;
CREATE TABLE "new_note" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "text" TEXT,
    "at" DATETIME
);
INSERT INTO "new_note" ("id", "text") SELECT "id", "text" FROM "note";
DROP TABLE "note";
ALTER TABLE "new_note" RENAME TO "note";
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;

INSERT INTO "note" ("text") VALUES ('second');

-- Takes a moment, so that a process may die in the middle of a step.
UPDATE "note" SET "text" = "text" WHERE (WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) SELECT count(*) FROM c) > 0;

-- Where foreign keys were on, DROP TABLE has deleted them.
INSERT INTO "note" ("text") SELECT 'second end' WHERE (SELECT count(*) FROM "tag") = 2;
