import assert from "node:assert/strict";
import {
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { adopt, type Change, type Database, open } from "../../mod.ts";
import { handlesOn } from "../../src/os/shared_state.ts";
import { elsewhere, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";
import { pause, until } from "../fixtures/until.ts";

const THROWS = new URL("fixtures/change_throws.ts", import.meta.url);
const LOOKS = new URL("fixtures/change_looks.ts", import.meta.url);
const STILL = { heartbeat: false } as const;
// SQLite 3.49 has the WAL-reset bug: checkpoints beside writers are none of ours.
const sound = runtimes().filter(({ id }) => id !== "node22");

function make(path: string, options: object = STILL): Database {
  const db = open(path, options);
  db.exec("CREATE TABLE IF NOT EXISTS t (n INTEGER)");
  return db;
}

test(
  "2,000 own writes and checkpoints are no change, one foreign commit is one",
  withDatabase((path) => {
    const db = make(path);
    const insert = db.prepare("INSERT INTO t VALUES (?)");
    const seen: Change[] = [];
    for (let n = 0; n < 2000; n++) {
      db.write(() => insert.run(n));
      if (n % 50 === 0) db.checkpoint();
      if (n % 5 === 0) seen.push(db.poll());
    }
    assert.deepEqual([...new Set(seen)], ["unchanged"]);
    elsewhere(path, "INSERT INTO t VALUES (-1)");
    assert.deepEqual([db.poll(), db.poll(), db.poll()], [
      "changed",
      "unchanged",
      "unchanged",
    ]);
    db.close();
  }),
);

test(
  "no commit of 8 writers is missed",
  withDatabase(async (path) => {
    const db = make(path);
    const writers = Array.from(
      { length: 8 },
      (_, i) =>
        start(
          sound[i % sound.length] ?? thisRuntime(),
          "wal_writer.ts",
          path,
          "60",
        ),
    );
    for (const writer of writers) assert.equal(await writer.line(), "ready");
    for (const writer of writers) writer.say("go");
    const rows = db.prepare("SELECT count(*) AS n FROM t");
    const count = () => Number(rows.get()?.["n"]);
    let known = 0;
    let changes = 0;
    await until("all of them are seen", () => {
      // Asked between the two: had it said "unchanged", nothing may be new.
      const change = db.poll();
      const found = count();
      const isNew = found !== known;
      const what = `${found} rows after ${known}`;
      known = found;
      if (change !== "unchanged") changes++;
      else if (isNew) {
        // A commit between poll() and count is the next poll's, which may tell
        // of later ones too.
        assert.equal(db.poll(), "changed", what);
        known = count();
      }
      return known === 480;
    }, 1);
    // A poller that gets no turn meanwhile sees them all at once.
    assert.ok(changes >= 1, `${changes} changes`);
    // A checkpoint after the last commit may show as one more.
    for (const writer of writers) await writer.line();
    assert.ok(["changed", "unchanged"].includes(db.poll()));
    assert.equal(db.poll(), "unchanged");
    db.close();
  }),
);

test(
  "each single foreign commit is seen by the next poll",
  withDatabase(async (path) => {
    const db = make(path);
    const child = start(thisRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    db.poll();
    for (let n = 0; n < 200; n++) {
      await child.ask({ do: "write", sql: `INSERT INTO t VALUES (${n})` });
      if (n % 3 === 0) db.write(() => db.exec("INSERT INTO t VALUES (-1)"));
      if (n % 7 === 0) db.checkpoint();
      assert.equal(db.poll(), "changed", `commit ${n}`);
    }
    db.close();
  }),
);

test(
  "a commit while the file was opened anew is seen",
  { skip: needs("unlinking") },
  withDatabase((path) => {
    const db = make(path);
    const early = new Set<Change>();
    for (let n = 0; n < 5; n++) {
      db.poll();
      elsewhere(path, `INSERT INTO t VALUES (${n})`);
      db.reopen();
      early.add(db.poll());
      assert.equal(db.poll(), "unchanged");
    }
    assert.deepEqual([...early], ["changed"]);
    db.close();
  }),
);

test(
  "a file put in its place is replaced, a deleted one is gone",
  { skip: needs("unlinking") },
  withDatabase((path, folder) => {
    const db = make(path);
    assert.equal(db.poll(), "unchanged");
    elsewhere(`${folder}/new.db`, "CREATE TABLE u (x)");
    renameSync(path, `${folder}/old.db`);
    assert.equal(db.poll(), "gone");
    renameSync(`${folder}/new.db`, path);
    assert.equal(db.poll(), "replaced");
    assert.equal(db.poll(), "replaced");
    db.reopen();
    assert.equal(db.poll(), "changed");
    assert.equal(db.poll(), "unchanged");
    rmSync(path);
    assert.equal(db.poll(), "gone");
    db.close();
    assert.throws(() => db.poll(), { code: "LITELATCH_CLOSED" });
  }),
);

test("a database in memory does not change", () => {
  const db = open(":memory:");
  db.exec("CREATE TABLE t (n)");
  assert.equal(db.poll(), "unchanged");
  db.close();
});

test(
  "onChange tells of others once per interval, and not of own writes",
  withDatabase(async (path) => {
    const db = make(path);
    const calls: { change: Change; at: number }[] = [];
    db.onChange((change) => calls.push({ change, at: performance.now() }), {
      every: 300,
    });
    const child = start(thisRuntime(), "database_child.ts");
    await child.ask({ do: "open", path });
    for (let n = 0; n < 50; n++) db.exec("INSERT INTO t VALUES (0)");
    await pause(400);
    assert.equal(calls.length, 0);
    for (let n = 0; n < 60; n++) {
      await child.ask({ do: "write", sql: "INSERT INTO t VALUES (1)" });
      await pause(10);
    }
    await until("the last one is told", () => calls.length >= 2);
    await pause(700);
    const told = calls.length;
    assert.ok(calls.every(({ change }) => change === "changed"));
    for (let i = 1; i < calls.length; i++) {
      const gap = (calls[i]?.at ?? 0) - (calls[i - 1]?.at ?? 0);
      // Looked for every 200 ms, so 400 apart where all have their turn.
      assert.ok(gap >= 250, `${gap} ms apart`);
    }
    await pause(400);
    assert.equal(calls.length, told, "and then it is quiet");
    db.close();
  }),
);

test(
  "onChange tells at once that the file was replaced or is gone, and once",
  { skip: needs("unlinking") },
  withDatabase(async (path, folder) => {
    const db = make(path);
    elsewhere(`${folder}/new.db`, "CREATE TABLE u (x)");
    // Replaced before anybody listened: the open file counts.
    renameSync(`${folder}/new.db`, path);
    const calls: Change[] = [];
    // The interval would be far longer than this test.
    db.onChange((change) => calls.push(change), { every: 3_600_000 });
    await until("it is told", () => calls.length > 0);
    await pause(500);
    assert.deepEqual(calls, ["replaced"]);
    db.reopen();
    await until("the new file is a change", () => calls.length === 2);
    rmSync(path);
    await until("it is told", () => calls.length === 3);
    assert.deepEqual(calls, ["replaced", "changed", "gone"]);
    db.close();
  }),
);

test(
  "onChange ends with its function, and with the handle",
  withDatabase(async (path) => {
    const db = make(path);
    const calls: string[] = [];
    const end = db.onChange(() => calls.push("ended"), { every: 10 });
    db.onChange(() => calls.push("closed"), { every: 10 });
    end();
    end();
    elsewhere(path, "INSERT INTO t VALUES (1)");
    await until("the other is told", () => calls.length > 0);
    db.close();
    elsewhere(path, "INSERT INTO t VALUES (2)");
    await pause(100);
    assert.deepEqual(calls, ["closed"]);
    assert.throws(() => db.onChange(() => {}), { code: "LITELATCH_CLOSED" });
  }),
);

test(
  "a look that fails throws into nobody's code, such as on a closed connection",
  withDatabase(async (path) => {
    const bare = raw(path);
    const db = adopt(bare.native, { heartbeat: 10 });
    db.exec("CREATE TABLE t (n INTEGER)");
    const calls: Change[] = [];
    db.onChange((change) => calls.push(change), { every: 10 });
    const thrown: unknown[] = [];
    const listen = (error: unknown): number => thrown.push(error);
    process.on("uncaughtException", listen);
    bare.close();
    await pause(200);
    process.off("uncaughtException", listen);
    assert.deepEqual(thrown, []);
    // That nothing can be seen any more may be told, once.
    assert.ok(calls.length <= 1, calls.join());
    db.close();
  }),
);

test("what onChange is given is checked", () => {
  const db = open(":memory:");
  assert.throws(() => db.onChange(1 as never), TypeError);
  assert.throws(() => db.onChange(() => {}, { every: 0 }), TypeError);
  assert.throws(
    () => db.onChange(() => {}, { every: "1" as never }),
    TypeError,
  );
  assert.throws(() => db.onChange(() => {}, { every: Infinity }), TypeError);
  assert.throws(
    () => db.onChange(() => {}, { evry: 10 } as never),
    /^TypeError: Cannot watch: there is no option "evry", known are every$/,
  );
  db.close();
});

test(
  "a listener that throws is called again for the next change",
  withDatabase(async (path) => {
    const child = start(thisRuntime(), THROWS, path);
    assert.equal(await child.line(), "ready");
    elsewhere(path, "INSERT INTO t VALUES (1)");
    assert.equal(await child.line(), "threw changed");
    elsewhere(path, "INSERT INTO t VALUES (2)");
    assert.equal(await child.line(), "threw changed");
    child.say("end");
    assert.equal((await child.ended).code, 0);
  }),
);

/** How a program may have the database that nobody closes on a reload. */
const OPENED: [how: string, open: (path: string) => Database][] = [
  ["handle", open],
  ["adopted connection", (path) => adopt(raw(path).native)],
  ["handle whose connection was asked for", (path) => {
    const db = open(path);
    assert.ok(db.native);
    return db;
  }],
];

/** One that nobody closed, as after a reload under `bun --hot`. */
function forget(db: Database, calls: Change[]): void {
  const { path } = db;
  db.onChange((change) => {
    calls.push(change);
    assert.equal(db.path, path);
  }, { every: 10 });
}

const collect = (globalThis as { Bun?: { gc(now: boolean): void } }).Bun?.gc;

for (const [how, make] of OPENED) {
  test(
    `a forgotten ${how} is collected although its listener knows it`,
    { skip: collect === undefined && "only Bun collects when asked to" },
    withDatabase(async (path) => {
      const calls: Change[] = [];
      for (let i = 0; i < 20; i++) forget(make(path), calls);
      // What the stack still points to stays.
      await until("half of them are gone", () => {
        collect?.(true);
        return handlesOn(path).length < 10 && descriptors(path) < 10;
      });
      assert.deepEqual(calls, []);
    }),
  );
}

/** How often this process has the file itself open, where that can be seen. */
function descriptors(path: string): number {
  if (!existsSync("/proc/self/fd")) return 0;
  return readdirSync("/proc/self/fd").filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === path;
    } catch {
      return false; // the one that lists them
    }
  }).length;
}

test(
  "what the handle looked after goes on while only its connection is known",
  { skip: collect === undefined && "only Bun collects when asked to" },
  withDatabase(async (path) => {
    const native = raw(path).native as { exec(sql: string): void };
    const forgotten = ((): WeakRef<Database> => {
      const db = adopt(native, { heartbeat: 10, journalSizeLimit: 0 });
      db.exec("CREATE TABLE t (a)");
      return new WeakRef(db);
    })();
    await until("the handle is gone", () => {
      collect?.(true);
      return forgotten.deref() === undefined;
    });
    native.exec("INSERT INTO t VALUES (1)");
    await until("the WAL is emptied", () => statSync(`${path}-wal`).size === 0);
  }),
);

test(
  "an event loop does not stand still for one who has locked what is looked at",
  { skip: SQLITE3 === undefined && "needs sqlite3" },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=DELETE; CREATE TABLE t (n INTEGER)");
    const child = start(thisRuntime(), LOOKS, path);
    assert.equal(await child.line(), "ready");
    const { run } = startSqlite3(path);
    await run("BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)");
    // Whether it hears us, and goes on, while it may not read.
    child.say("locked");
    assert.equal(await child.line(), "ticked on");
    await run("COMMIT");
    assert.equal(await child.line(), "changed");
    child.say("end");
    assert.equal((await child.ended).code, 0);
  }),
);
