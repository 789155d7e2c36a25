import assert from "node:assert/strict";
import { test } from "node:test";
import {
  adopt,
  BusyError,
  type Database,
  LitelatchError,
  open,
} from "../../mod.ts";
import { openConnection } from "../../src/driver/runtime.ts";
import {
  migrate,
  type MigrateProgress,
  NewerSchemaError,
  type Step,
} from "../../src/migrate/mod.ts";
import { handlesOn } from "../../src/os/shared_state.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { pause, until } from "../fixtures/until.ts";

const NOTE = "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('one')";
const SECOND: Step = (db) => {
  db.prepare("INSERT INTO note VALUES (?)").run("two");
};

test(
  "only the steps that are missing run, and each with its version",
  withDatabase((path) => {
    const db = open(path);
    assert.equal(migrate(db, [NOTE]), 1);
    assert.equal(migrate(db, [NOTE]), 0);
    assert.equal(migrate(db, [NOTE, SECOND]), 1);
    assert.equal(query(path, "SELECT group_concat(text) FROM note"), "one,two");
    assert.equal(query(path, "PRAGMA user_version"), "2");
    // The version is in the file: nothing would be lost by opening it anew.
    assert.equal(handlesOn(path)[0]?.obstacle(), null);
    db.close();
  }),
);

test(
  "a step that throws leaves the version before it, and says which it is",
  withDatabase((path) => {
    const db = open(path);
    const cause = new RangeError("no");
    const fails: Step = (db) => {
      db.exec("INSERT INTO note VALUES ('half')");
      throw cause;
    };
    assert.throws(() => migrate(db, [NOTE, fails]), (error: LitelatchError) => {
      assert.equal(error.code, "LITELATCH_MIGRATE");
      assert.equal(error.cause, cause);
      assert.match(error.message, /step 2 of 2 \(fails\) on .*: no\. Nothing/);
      return true;
    });
    assert.equal(query(path, "PRAGMA user_version"), "1");
    assert.throws(
      () => migrate(db, [NOTE, "INSERT INTO note VALUES ('half'); SELEKT"]),
      /step 2 of 2 on .*syntax error/,
    );
    assert.throws(
      () => migrate(db, [NOTE, "COMMIT; SELECT 1"]),
      /step 2 of 2 on .*leave that to write\(\).* may be kept/,
    );
    const failing = (): Promise<void> => {
      db.exec("INSERT INTO note VALUES ('half')");
      return Promise.reject(new Error("nobody hears of it"));
    };
    assert.throws(
      () => migrate(db, [NOTE, failing as unknown as Step]),
      /must not return a promise/,
    );
    assert.equal(query(path, "SELECT group_concat(text) FROM note"), "one");
    assert.equal(migrate(db, [NOTE, SECOND]), 1);
    db.close();
  }),
);

test(
  "a step that awaits or yields is refused before anything is run",
  withDatabase(async (path) => {
    const db = open(path);
    const half = "INSERT INTO note VALUES ('half')";
    const odd: unknown[] = [
      async () => {
        await Promise.resolve();
        db.exec(half);
      },
      function* () {
        yield db.exec(half);
      },
      async function* () {
        yield await Promise.resolve(db.exec(half));
      },
    ];
    const steps: Step[] = ["CREATE TABLE note (text TEXT)"];
    for (const step of odd) {
      assert.throws(
        () => migrate(db, [...steps, step as Step]),
        /^TypeError: .* step 2 must not be async or a generator/,
      );
    }
    const hole = new Array<Step>(3);
    [hole[0], hole[2]] = [NOTE, SECOND];
    assert.throws(() => migrate(db, hole), /step 2 must be SQL or a function/);
    await pause(20);
    const seen = "SELECT count(*), (SELECT user_version FROM " +
      "pragma_user_version) FROM sqlite_master";
    assert.equal(query(path, seen), "0|0");
    db.close();
  }),
);

test(
  "a newer database is refused, with both numbers and who has it open",
  withDatabase(async (path) => {
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path, options: { app: "new-version" } });
    await child.ask({ do: "exec", sql: "PRAGMA user_version = 7" });
    const db = open(path);
    assert.throws(() => migrate(db, [NOTE, SECOND]), (error: unknown) => {
      assert.ok(error instanceof NewerSchemaError);
      assert.ok(error instanceof LitelatchError);
      assert.deepEqual([error.version, error.known], [7, 2]);
      assert.deepEqual(error.holders.map(({ pid }) => pid), [child.pid]);
      const said = `version 7, and this program knows no more than 2`;
      assert.ok(error.message.includes(said), error.message);
      assert.ok(error.message.includes(`PID ${child.pid} (new-version`));
      return true;
    });
    assert.equal(query(path, "PRAGMA user_version"), "7");
    child.end();
    await child.ended;
    assert.throws(
      () => migrate(db, []),
      /No other process is known to have it open/,
    );
    db.close();
  }),
);

test(
  "it waits for longer than busyTimeout, and tells for whom",
  withDatabase(async (path) => {
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    const db = open(path, { busyTimeout: 20 });
    await child.ask({ do: "hold" });
    assert.throws(() => migrate(db, [NOTE], { wait: 0 }), BusyError);
    await child.ask({ do: "exec", sql: "COMMIT" });
    await child.ask({ do: "hold", ms: 3000 });
    const told: MigrateProgress[] = [];
    const onProgress = (progress: MigrateProgress) => void told.push(progress);
    assert.equal(migrate(db, [NOTE, SECOND], { onProgress }), 2);
    assert.deepEqual(
      told.map(({ state, step, steps }) => `${state} ${step}/${steps}`)
        .filter((said, i, all) => said !== all[i - 1]),
      ["waits 1/2", "begins 1/2", "done 1/2", "begins 2/2", "done 2/2"],
    );
    for (const { state, writers } of told) {
      if (writers.length > 0) assert.deepEqual(writers, [child.pid], state);
    }
    db.close();
  }),
);

test(
  "it does not wait for another handle of its own thread",
  withDatabase((path) => {
    const [db, other] = [open(path), open(path)];
    other.write(() => {
      assert.throws(() => migrate(db, [NOTE]), BusyError);
    });
    db.close();
    other.close();
  }),
);

test(
  "a table that others refer to is rebuilt without foreign keys, and checked",
  withDatabase((path) => {
    const first = "CREATE TABLE a (id INTEGER PRIMARY KEY);" +
      "CREATE TABLE b (a INTEGER REFERENCES a ON DELETE CASCADE);" +
      "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1), (2)";
    const rebuild = "CREATE TABLE a2 (id INTEGER PRIMARY KEY, more TEXT);" +
      "INSERT INTO a2 (id) SELECT id FROM a; DROP TABLE a;" +
      "ALTER TABLE a2 RENAME TO a";
    const db = open(path, { foreignKeys: false });
    const forgets = `${rebuild}; DELETE FROM a WHERE id = 2`;
    assert.throws(
      () => migrate(db, [first, forgets]),
      /leaves 1 rows that refer to none, .* "b" to "a"/,
    );
    assert.equal(migrate(db, [first, rebuild]), 1);
    db.close();
    assert.equal(query(path, "SELECT count(*) FROM b"), "2");
    const strict = open(path);
    assert.throws(
      () => migrate(strict, [first, `PRAGMA foreign_keys=OFF; ${rebuild}`]),
      /step 2 sets foreign_keys, which SQLite ignores .*foreignKeys: false/,
    );
    strict.close();
  }),
);

test(
  "a schema whose foreign keys do not fit is migrated without their check",
  withDatabase((path) => {
    const refers = "CREATE TABLE note (who INTEGER REFERENCES person (id))";
    const person = "CREATE TABLE person (id INTEGER)";
    const db = open(path, { foreignKeys: false });
    // It cannot be made behind the first, nor around the second, nor before the
    // third, which mends it.
    const steps = [
      `${refers}; ${person}`,
      "ALTER TABLE note ADD COLUMN text TEXT",
      "CREATE UNIQUE INDEX person_id ON person (id)",
    ];
    assert.equal(migrate(db, steps), 3);
    const orphan = "INSERT INTO note (who) VALUES (7)";
    assert.throws(
      () => migrate(db, [...steps, orphan]),
      /leaves 1 rows that refer to none, .* "note" to "person"/,
    );
    db.close();
    assert.equal(query(path, "PRAGMA user_version"), "3");
  }),
);

test(
  "a database in memory, and one that was adopted, can be migrated",
  withDatabase((path) => {
    const memory = open(":memory:");
    assert.equal(migrate(memory, [NOTE, SECOND]), 2);
    memory.close();
    const owned = openConnection(path);
    const db = adopt(owned.native);
    assert.equal(migrate(db, [NOTE, SECOND]), 2);
    db.close();
    owned.close();
    assert.equal(query(path, "PRAGMA user_version"), "2");
  }),
);

test("wrong steps and options are refused by name", () => {
  const db = open(":memory:");
  const wrong = [NOTE, 3] as unknown as Step[];
  assert.throws(() => migrate(db, wrong), /step 2 must be SQL or a function/);
  assert.throws(
    () => migrate(db, NOTE as unknown as Step[]),
    /steps must be an array/,
  );
  const { native } = db;
  for (const other of [null, native] as unknown as Database[]) {
    assert.throws(() => migrate(other, [NOTE]), /must be one of open\(\)/);
  }
  const options = { waits: 1 } as unknown as { wait: number };
  assert.throws(() => migrate(db, [], options), /known are .*wait/);
  db.exec("PRAGMA user_version=-1");
  assert.throws(() => migrate(db, []), /0 or more, got -1/);
  db.close();
});

test(
  "a process beside it sees each step whole",
  withDatabase(async (path) => {
    const db = open(path);
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    const seen: unknown[] = [];
    let changes = 0;
    const stop = db.onChange(() => changes++, { every: 1 });
    migrate(db, [NOTE]);
    seen.push(
      (await child.ask({ do: "get", sql: "SELECT * FROM note" })).value,
    );
    assert.deepEqual(seen, [{ text: "one" }]);
    await child.ask({ do: "write", sql: "PRAGMA user_version = 2" });
    await until("the other's step is seen", () => changes > 0);
    stop();
    assert.equal(migrate(db, [NOTE, SECOND]), 0);
    db.close();
  }),
);
