import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { open } from "../../mod.ts";
import type { Database, LeaseLike } from "../../mod.ts";
import {
  fenced,
  type LeasedDatabase,
  type Standing,
} from "../../src/etcd/mod.ts";
import { standing } from "../../src/etcd/standing.ts";
import { endChildren } from "../fixtures/children.ts";
import { checkIntegrity, query, withDatabase } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";
import { assertFailed, assertHeld, LeaseProcess } from "./fixtures/children.ts";
import { Etcd, needsEtcd } from "./fixtures/etcd.ts";

// A process may get no turn for a second or two, and is to hold its lease.
const TTL = 4000;
const LONG = 30_000;
let etcd: Etcd;
let holders: LeaseProcess[] = [];
let successors: LeaseProcess[] = [];
let names = 0;

if (needsEtcd.skip === false) {
  before(async () => {
    etcd = await Etcd.start();
    const kinds = runtimes();
    const others = [...kinds.slice(1), kinds[0]!];
    [holders, successors] = await Promise.all(
      [kinds, others].map((some) => Promise.all(some.map(LeaseProcess.start))),
    ) as [LeaseProcess[], LeaseProcess[]];
  });
  after(async () => {
    await endChildren();
    await etcd.end();
  });
}

const options = (more: object = {}) => ({
  endpoints: etcd.endpoints,
  ttl: TTL,
  ...more,
});

/** A holder and its successor, once for every runtime. */
function onEveryRuntime(
  body: (
    holder: LeaseProcess,
    next: LeaseProcess,
    path: string,
    name: string,
  ) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), "litelatch-db-"));
    try {
      await Promise.all(holders.map(async (holder, i) => {
        const path = join(folder, `${i}.db`);
        const next = successors[i]!;
        await body(holder, next, path, `${++names}`);
        for (const one of [holder, next]) {
          await one.ask({ do: "close" });
          await one.ask({ do: "release" });
        }
        checkIntegrity(path);
      }));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

const CREATE = "CREATE TABLE IF NOT EXISTS t (who TEXT)";
const insert = (who: string) => `${CREATE}; INSERT INTO t VALUES ('${who}')`;
const LOST = "LITELATCH_LOCK_LOST";
const rows = (path: string) => query(path, "SELECT group_concat(who) FROM t");

test(
  "a write is refused once the lease is lost",
  needsEtcd,
  onEveryRuntime(async (holder, next, path, name) => {
    assertHeld(await holder.acquire(name, options()));
    assert.ok((await holder.ask({ do: "open", path })).ok);
    const first = { do: "write", sql: insert("holder") } as const;
    assert.ok((await holder.ask(first)).ok);

    const coming = next.acquire(
      name,
      options({ ttl: LONG, wait: 60_000 }),
    );
    holder.signal("SIGSTOP");
    await pause(2 * TTL);
    assertHeld(await coming);
    assert.ok((await next.ask({ do: "open", path })).ok);
    assert.ok((await next.ask({ do: "write", sql: insert("next") })).ok);
    holder.signal("SIGCONT");

    for (const order of ["write", "write async", "exec"] as const) {
      const answer = await holder.ask({ do: order, sql: insert("late") });
      const words = /lease does not stand any more\. The lease ".*" is lost: /;
      assertFailed(answer, LOST, words);
    }
    assert.match(
      (await holder.ask({ do: "get", sql: "SELECT count(*) AS n FROM t" }))
        .row!,
      /2/,
    );
    assert.equal(rows(path), "holder,next");
  }),
);

test(
  "a transaction that was half open when its process was stopped is rolled back",
  needsEtcd,
  onEveryRuntime(async (holder, next, path, name) => {
    assertHeld(await holder.acquire(name, options()));
    assert.ok((await holder.ask({ do: "open", path, fencing: true })).ok);
    assert.ok((await holder.ask({ do: "write", sql: insert("holder") })).ok);

    const stopped = holder.event((told) => told.stopped === true);
    const writing = holder.ask({
      do: "write",
      sql: insert("half"),
      stop: true,
    });
    await stopped;
    const coming = next.acquire(
      name,
      options({ ttl: LONG, wait: 60_000 }),
    );
    await pause(2 * TTL);
    assertHeld(await coming);
    holder.signal("SIGCONT");
    assertFailed(await writing, LOST, /is lost: /);
    assert.ok((await next.ask({ do: "open", path, fencing: true })).ok);
    assert.ok((await next.ask({ do: "write", sql: insert("next") })).ok);
    assert.equal(rows(path), "holder,next");
  }),
);

test(
  "with fencing no older holder writes, whatever its clocks say",
  needsEtcd,
  onEveryRuntime(async (holder, next, path, name) => {
    assertHeld(await holder.acquire(name, options()));
    const how = { do: "open", path, fencing: true, endless: true } as const;
    assert.ok((await holder.ask(how)).ok);
    assert.ok((await holder.ask({ do: "write", sql: insert("holder") })).ok);
    await holder.ask({ do: "release" });

    assertHeld(await next.acquire(name, options({ ttl: LONG })));
    // From here on, not from the successor's first write.
    assert.ok((await next.ask({ do: "open", path, fencing: true })).ok);
    for (const order of ["write", "write async"] as const) {
      const answer = await holder.ask({ do: order, sql: insert("late") });
      const words = /the fence of lease "it" is \d+, and the database has seen/;
      assertFailed(answer, LOST, words);
    }
    const plain = await holder.ask({ do: "exec", sql: insert("late") });
    assertFailed(plain, "LITELATCH_UNSUPPORTED", /outside of write\(\)/);
    const anew = await holder.ask({ ...how, as: "it" });
    assertFailed(anew, LOST, /the fence of lease/);
    assert.ok((await next.ask({ do: "write", sql: insert("next") })).ok);
    assert.equal(rows(path), "holder,next");
  }),
);

/** A lease that stands as long as it is told to. */
function lasting(fence: number | bigint): Standing & { held: boolean } {
  return { path: "jobs", mode: "exclusive", held: true, fence };
}

test(
  "a lease that is lost inside a write takes the write with it",
  withDatabase((path) => {
    const lease = lasting(1);
    const attach = (database: LeasedDatabase) => standing(lease, database);
    const db = open(path, { lease: { attach } });
    db.exec("CREATE TABLE t (who TEXT)");
    assert.throws(
      () =>
        db.write(() => {
          db.exec("INSERT INTO t VALUES ('half')");
          lease.held = false;
        }),
      { name: "LockLostError", message: /"jobs" was released or lost/ },
    );
    assert.throws(() => db.write(() => assert.fail("the body ran")), {
      code: LOST,
    });
    assert.equal(db.prepare("SELECT count(*) AS n FROM t").get()?.["n"], 0);
    lease.held = true;
    db.write(() => db.exec("INSERT INTO t VALUES ('whole')"));
    db.close();
    assert.equal(rows(path), "whole");
  }),
);

test(
  "the fence is one row, only grows, and takes a 64-bit number",
  withDatabase((path) => {
    for (const fence of [7, 7n, 9, 2n ** 62n]) {
      const db = open(path, { lease: fenced(lasting(fence)) });
      db.write(() => db.exec("CREATE TABLE IF NOT EXISTS t (who TEXT)"));
      db.close();
      assert.equal(query(path, "SELECT * FROM litelatch_fence"), `1|${fence}`);
    }
    assert.throws(
      () => open(path, { lease: fenced(lasting(10)) }),
      { code: LOST },
    );
    // What was set up without the lease, or to be read, is as before.
    const reader = open(path, {
      lease: fenced(lasting(1)),
      readOnly: true,
    });
    assert.deepEqual(reader.prepare("SELECT * FROM t").all(), []);
    reader.close();
  }),
);

test(
  "with fencing a backup, a checkpoint and a reopened handle work",
  withDatabase((path, folder) => {
    const db = open(path, { lease: fenced(lasting(3)) });
    db.write(() => db.exec("CREATE TABLE t (who TEXT)"));
    db.backup(`${folder}/copy.db`);
    // SQLite 3.49 of Node 22 has the bug for which there is none.
    assert.match(db.checkpoint().reason ?? "", /^$|WAL-reset bug/);
    db.reopen();
    const plain = () => db.exec("INSERT INTO t VALUES ('plain')");
    assert.throws(plain, { code: "LITELATCH_UNSUPPORTED" });
    db.write(() => {
      plain();
      db.write(plain);
    });
    assert.throws(plain, { code: "LITELATCH_UNSUPPORTED" });
    assert.throws(() => db.write(() => assert.fail("on purpose")));
    assert.throws(plain, { code: "LITELATCH_UNSUPPORTED" });
    db.close();
    assert.equal(rows(path), "plain,plain");
  }),
);

test(
  "nobody writes past the fence while another waits for its turn",
  withDatabase(async (path) => {
    const db = open(path, { lease: fenced(lasting(3)) });
    db.write(() => db.exec("CREATE TABLE t (who TEXT)"));
    const other = open(path);
    other.exec("BEGIN IMMEDIATE");
    const writing = db.writeAsync(() => db.exec("INSERT INTO t VALUES ('it')"));
    let refused = 0;
    for (let tries = 0; tries < 20; tries++) {
      await pause(1);
      assert.throws(() => db.exec("INSERT INTO t VALUES ('plain')"), {
        code: "LITELATCH_UNSUPPORTED",
      });
      refused++;
    }
    other.exec("COMMIT");
    await writing;
    assert.equal(refused, 20);
    const abort = new AbortController();
    other.exec("BEGIN IMMEDIATE");
    const { signal } = abort;
    const ended = db.writeAsync(() => assert.fail("the body ran"), { signal });
    abort.abort(new Error("enough"));
    await assert.rejects(ended, { message: "enough" });
    other.exec("COMMIT");
    assert.throws(() => db.exec("INSERT INTO t VALUES ('plain')"), {
      code: "LITELATCH_UNSUPPORTED",
    });
    db.close();
    other.close();
    assert.equal(rows(path), "it");
  }),
);

test(
  "a handle that is closed while it waits for its turn says so",
  withDatabase(async (path) => {
    const other = open(path);
    for (const options of [{}, { lease: fenced(lasting(3)) }]) {
      const db = open(path, options);
      other.exec("BEGIN IMMEDIATE");
      const writing = db.writeAsync(() => assert.fail("the body ran"));
      db.close();
      await assert.rejects(writing, { code: "LITELATCH_CLOSED" });
      other.exec("COMMIT");
    }
    other.close();
  }),
);

test(
  "a lease needs its shape, and fencing an exclusive one",
  withDatabase((path) => {
    const shared = { ...lasting(1), mode: "shared" as const };
    for (const lease of [{}, shared, null] as unknown as LeaseLike[]) {
      assert.throws(() => open(path, { lease }), {
        name: "TypeError",
        message: /"lease" must be a lease that acquireLease\(\) gave/,
      });
    }
    for (const none of [null, Promise.resolve(shared)] as unknown[]) {
      assert.throws(
        () => fenced(none as Standing),
        /acquireLease\(\), awaited/,
      );
    }
    assert.throws(() => fenced({ ...shared, path: "jobs\u001b[2J" }), {
      name: "TypeError",
      message: 'Cannot fence with the lease "jobs?[2J": it must be ' +
        "exclusive, got a shared one",
    });
    const lease = lasting(1);
    const db = open(path, { lease: fenced(lease) });
    lease.held = false;
    assert.throws(() => db.write(() => assert.fail("the body ran")), {
      message: /"jobs" was released or lost/,
    });
    db.close();
  }),
);

/** What a lease is given of a handle. */
function leased(db: Database, path: string): LeasedDatabase {
  return {
    path,
    exec: (sql) => db.exec(sql),
    value: (sql) => Object.values(db.prepare(sql).get() ?? {})[0] as string,
  };
}

test(
  "a connection with a fence is shut but for the transactions of write()",
  withDatabase((path) => {
    const db = open(path);
    db.exec("CREATE TABLE t (who TEXT)");
    const fence = fenced(lasting(7)).attach(leased(db, path));
    const insert = () => db.exec("INSERT INTO t VALUES ('it')");
    /** What `write()` does around its body. */
    const write = (end: string, body = insert) => {
      fence.beforeBegin!();
      try {
        db.exec("BEGIN IMMEDIATE");
        try {
          fence.begun!();
          body();
        } catch (error) {
          db.exec("ROLLBACK");
          throw error;
        }
        db.exec(end);
      } finally {
        fence.afterWrite!();
      }
    };
    const assertShut = () => {
      try {
        insert();
      } catch (error) {
        const seen = fence.explain!(error) as Error;
        assert.equal(seen.name, "UnsupportedError");
        assert.match(seen.message, /outside of write\(\): with fencing/);
        return;
      }
      assert.fail("it was written");
    };
    assertShut();
    write("ROLLBACK"); // And with it the table of the fence.
    assertShut();
    for (let times = 0; times < 3; times++) write("COMMIT");
    assertShut();
    assert.equal(query(path, "SELECT * FROM litelatch_fence"), "1|7");
    assert.throws(() => write("COMMIT", () => assert.fail("on purpose")));
    assertShut();
    const mine = new TypeError("attempt to write a readonly database");
    assert.equal(fence.explain!(mine), mine);

    query(path, "UPDATE litelatch_fence SET fence = 8");
    assert.throws(() => write("COMMIT"), {
      name: "LockLostError",
      message: /the fence of lease "jobs" is 7, and the database has seen 8\./,
    });
    assertShut();
    fence.end!();
    db.close();
    fence.afterWrite!();
    assert.equal(rows(path), "it,it,it");
  }),
);
