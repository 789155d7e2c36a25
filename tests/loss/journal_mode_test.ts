import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { type Database, LockLostError, open } from "../../mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { pause } from "../fixtures/until.ts";
import { atStat } from "./fixtures/at_stat.ts";

const ALL = "SELECT group_concat(n) FROM t";

// Elsewhere nothing but its words tells whether it was changed.
const SPEAKS = "it only speaks of another mode";

/** What a program did to the journal mode: before a write, or in its text. */
const WAYS: [how: string, before: (db: Database) => void, text: string][] = [
  ["the same text asks for WAL", () => {}, "PRAGMA journal_mode=WAL;"],
  ["it asks for WAL in words", () => {}, "PRAGMA journal_mode = 'wal';"],
  ["the same text asks for the mode", () => {}, "PRAGMA journal_mode;"],
  [SPEAKS, () => {}, "SELECT 'PRAGMA journal_mode=DELETE';"],
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
    { skip: needs(how === SPEAKS ? "/proc" : "unlinking") },
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
      // It is looked at once where the mode may be another; nobody came by then.
      assert.equal(query(path, ALL), how === SPEAKS ? "1,2,3" : "3");
    }),
  );
}

const THERE_AND_BACK = "PRAGMA journal_mode=DELETE; PRAGMA journal_mode=WAL";
const SPELT: [how: string, change: (db: Database) => void][] = [
  ["in one text", (db) => db.exec(THERE_AND_BACK)],
  [
    "in quotes",
    (db) => db.exec(THERE_AND_BACK.replaceAll("journal_mode", '"$&"')),
  ],
  ["beside comments", (db) => db.exec(THERE_AND_BACK.replaceAll("=", "/**/="))],
  ["by the driver's object", (db) => {
    (db.native as { exec(sql: string): void }).exec(THERE_AND_BACK);
  }],
];

for (const [how, change] of SPELT) {
  test(
    `a journal mode that is changed there and back ${how} is no loss`,
    { skip: needs("/proc") },
    withDatabase(async (path) => {
      const db = open(path, { heartbeat: false, onWarning: () => {} });
      db.exec("CREATE TABLE t (n); INSERT INTO t VALUES (1)");
      // It is looked for twice in a millisecond.
      await pause(5);
      change(db);
      await pause(5);
      db.write(() => db.exec("INSERT INTO t VALUES (2)"));
      assert.equal(query(path, ALL), "1,2");
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
      await pause(5);
      assert.throws(() => db.exec("INSERT INTO t VALUES (3)"), LockLostError);
      db.close();
      assert.equal(query(path, ALL), "1,2");
    }),
  );
}
