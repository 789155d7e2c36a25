-- CreateTable
CREATE TABLE "note" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "text" TEXT
);

-- CreateTable
CREATE TABLE "tag" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "note_id" INTEGER NOT NULL,
    CONSTRAINT "tag_note_id_fkey" FOREIGN KEY ("note_id") REFERENCES "note" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

INSERT INTO "note" ("text") VALUES ('first');

-- Takes a moment, so that a process may die in the middle of a step.
UPDATE "note" SET "text" = "text" WHERE (WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) SELECT count(*) FROM c) > 0;

INSERT INTO "note" ("text") VALUES ('first end');
INSERT INTO "tag" ("note_id") SELECT "id" FROM "note";
