import assert from "node:assert/strict";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { Neighbour } from "../fixtures/losing.ts";

// What loses rows on POSIX, Windows forbids or it does no harm.
const skip = process.platform !== "win32" && "only Windows forbids it";
const FORBIDDEN = /EBUSY|EPERM|EACCES/;
const ENDS = ["", "-wal", "-shm", ".lock"];

/** Each way to take a file away; what is put in its place lies ready. */
const WAYS: Record<string, (path: string, other: string) => void> = {
  deleted: (path) => rmSync(path),
  moved: (path, other) => renameSync(path, `${other}-old`),
  replaced: (path, other) => renameSync(other, path),
};

test(
  "no file of an open database can be deleted, moved or replaced",
  { skip },
  withDatabase((path, folder) => {
    const db = open(path, { onWarning: () => {} });
    db.exec("CREATE TABLE t (n)");
    const other = `${folder}/other`;
    writeFileSync(other, "");
    let n = 0;
    for (const end of ENDS) {
      for (const [way, take] of Object.entries(WAYS)) {
        assert.throws(() => take(path + end, other), FORBIDDEN, way + end);
        db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(++n));
        assert.equal(query(path, "SELECT count(*) FROM t"), String(n));
      }
    }
    db.close();
    for (const end of ENDS.filter((end) => existsSync(path + end))) {
      WAYS["moved"]!(path + end, other);
      assert.ok(!existsSync(path + end), `${end} can be moved when it is free`);
      renameSync(`${other}-old`, path + end);
    }
  }),
);

test(
  "to read the files of an open database drops no lock",
  { skip },
  withDatabase(async (path) => {
    const neighbour = new Neighbour();
    const db = open(path, { heartbeat: false, onWarning: () => {} });
    db.exec("CREATE TABLE t (n)");
    for (let round = 1; round <= 3; round++) {
      await neighbour.open(path);
      neighbour.dropLocks(path);
      await neighbour.close();
      assert.ok(existsSync(`${path}-wal`), "the neighbour left the WAL");
      db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(round));
    }
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM t"), "3");
  }),
);
