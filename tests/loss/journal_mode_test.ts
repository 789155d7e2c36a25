import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { type Database, LockLostError, open } from "../../mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { atStat } from "./fixtures/at_stat.ts";

const ALL = "SELECT group_concat(n) FROM t";

/** What a program did to the journal mode: before a write, or in its text. */
const WAYS: [how: string, before: (db: Database) => void, text: string][] = [
  ["the same text asks for WAL", () => {}, "PRAGMA journal_mode=WAL;"],
  ["it asks for WAL in words", () => {}, "PRAGMA journal_mode = 'wal';"],
  ["the same text asks for the mode", () => {}, "PRAGMA journal_mode;"],
  [
    "the mode of an attached one was asked for",
    (db) => void db.prepare("PRAGMA beside.journal_mode").get(),
    "",
  ],
  [
    "an attached one was given another mode",
    (db) => db.exec("PRAGMA beside.journal_mode=TRUNCATE"),
    "",
  ],
];

for (const [how, before, text] of WAYS) {
  test(
    `a WAL that is lost right after a commit is noticed where ${how}`,
    { skip: needs("unlinking") },
    withDatabase((path) => {
      const beside = `${path}-beside.db`;
      elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (n)");
      elsewhere(beside, "CREATE TABLE u (n)");
      const db = open(path, { heartbeat: false, onWarning: () => {} });
      db.exec(`ATTACH '${beside}' AS beside`);
      db.exec("INSERT INTO t VALUES (1)");
      before(db);
      const isIn = () => query(path, "SELECT max(n) FROM t") === "2";
      const lose = () => {
        rmSync(`${path}-wal`);
        rmSync(`${path}-shm`);
      };
      atStat(isIn, lose, () => db.exec(`${text}INSERT INTO t VALUES (2)`));
      elsewhere(path, "INSERT INTO t VALUES (3)");
      assert.throws(() => db.exec("INSERT INTO t VALUES (4)"), LockLostError);
      db.close();
      assert.equal(query(path, ALL), "3");
    }),
  );
}
