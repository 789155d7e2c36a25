import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { inspect, type ProcessReport } from "../../src/inspect/mod.ts";
import { elsewhere } from "../fixtures/children.ts";
import { cli } from "../fixtures/command.ts";
import { withDatabase } from "../fixtures/folder.ts";
import {
  type Holding,
  holdings,
  SQLITE3,
  startSqlite3,
} from "../fixtures/holding.ts";
import { inContainer, needs } from "../fixtures/machine.ts";

const skip = needs("/proc");

function processOf(path: string, { child }: Holding): ProcessReport {
  const { processes, reasons } = inspect(path);
  const found = processes?.find(({ pid }) => pid === child.pid);
  assert.ok(found, `PID ${child.pid} is missing: ${JSON.stringify(reasons)}`);
  return found;
}

// Bun sends what was said to a child only then.
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

test(
  "each process is named with what it holds, whatever runtime it is of",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const all = await holdings(path);
    for (const [i, writer] of all.entries()) {
      const reader = all[(i + 1) % all.length]!;
      await writer.run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
      await reader.run("BEGIN; SELECT count(*) FROM t");
      const report = inspect(path);
      const pids = report.processes?.map(({ pid }) => pid);
      assert.deepEqual(
        pids,
        all.map(({ child }) => child.pid).sort((a, b) => a - b),
      );
      for (const holding of all) {
        const one = processOf(path, holding);
        const label = `${holding.name}: ${JSON.stringify(one)}`;
        assert.equal(one.writing, holding === writer, label);
        const reads = holding === reader || holding === writer;
        assert.equal(one.readMarks.length, reads ? 1 : 0, label);
        assert.equal(one.lock, holding.name === "sqlite3" ? "none" : "shared");
        assert.equal(one.database, "shared", label);
        assert.equal(one.checkpointing || one.recovering, false, label);
        assert.equal(one.attached, true, label);
        assert.match(String(one.waiting), /^(none|null)$/, label);
        assert.equal(one.ppid, process.pid, label);
        assert.match(one.command ?? "", /database_child\.ts|sqlite3/);
      }
      const table = i > 0 ? null : (await cli("who", path)).stdout.split("\n");
      if (table !== null) {
        for (const { child, name } of all) {
          const row = table.find((line) =>
            line.trim().startsWith(`${child.pid} `)
          );
          const held = child === writer.child
            ? /write lock$/
            : child === reader.child
            ? /read mark \d$/
            : /(idle|\?)$/;
          assert.match(row ?? "", held, table.join("\n"));
          if (name !== "sqlite3") {
            assert.match(row ?? "", new RegExp(`app-${name}`));
          }
        }
      }
      await reader.run("COMMIT");
      await writer.run("ROLLBACK");
    }
  }),
);

test(
  "in rollback mode the reader, the writer and the one that commits are told",
  { skip: skip || (SQLITE3 === undefined && "needs sqlite3") },
  withDatabase(async (path) => {
    const [one, other] = [startSqlite3(path), startSqlite3(path)];
    await one.run("CREATE TABLE t (x)");
    await other.run("SELECT count(*) FROM t");
    await one.run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    assert.equal(processOf(path, one).database, "reserved");
    assert.equal(processOf(path, one).writing, true);
    assert.equal(processOf(path, other).database, "none");
    assert.deepEqual(processOf(path, other).files, ["database"]);
    await other.run("BEGIN; SELECT count(*) FROM t");
    assert.equal(processOf(path, other).database, "shared");
    assert.equal(processOf(path, other).writing, false);
    // It cannot commit beside a reader, and keeps new ones out meanwhile.
    await one.run(".bail off\n.timeout 0\nCOMMIT");
    assert.equal(processOf(path, one).database, "pending");
    await other.run("COMMIT");
    await one.run("COMMIT; BEGIN EXCLUSIVE");
    assert.equal(processOf(path, one).database, "exclusive");
    assert.equal(inspect(path).database?.journalMode, "rollback");
  }),
);

test(
  "one that waits to write is told from one that sleeps and one that idles",
  { skip: skip || (SQLITE3 === undefined && "needs sqlite3") },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const all = await holdings(path);
    const writer = all.pop()!;
    await writer.run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    const waiters = all.slice(0, 2);
    const deadline = Date.now() + 30_000;
    for (const { child } of waiters) {
      child.say(JSON.stringify({ do: "write", sql: "DELETE FROM t" }));
    }
    const told = (pid: number) =>
      inspect(path).processes?.find((one) => one.pid === pid)?.waiting;
    for (const { child } of waiters) {
      // It begins when it has read its order.
      while (told(child.pid) !== "write" && Date.now() < deadline) {
        await pause();
      }
      // On a busy machine it may not be known, but nothing else is said.
      for (let looks = 0; looks < 10; looks++) {
        assert.match(String(told(child.pid)), /^(write|null)$/);
      }
    }
    for (const { child } of all.slice(2)) {
      assert.match(String(told(child.pid)), /^(none|null)$/);
    }
    await writer.run("COMMIT");
    for (const { child } of waiters) {
      assert.equal(JSON.parse(await child.line()).ok, true);
    }
    for (const { child } of all) assert.equal(told(child.pid), "none");
  }),
);

test(
  "a checkpoint that waits for a reader is named, and so is the reader",
  { skip: skip || (SQLITE3 === undefined && "needs sqlite3") },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const [reader, other] = [startSqlite3(path), startSqlite3(path)];
    await other.run("INSERT INTO t VALUES (1)");
    await reader.run("BEGIN; SELECT count(*) FROM t");
    await other.run("INSERT INTO t VALUES (2)");
    // One that reads the newest snapshot holds a mark and is in nobody's way.
    const newest = startSqlite3(path);
    await newest.run("BEGIN; SELECT count(*) FROM t");
    const report = inspect(path);
    assert.equal(processOf(path, newest).readMarks.length, 1);
    assert.deepEqual(report.wal?.pinnedBy, [reader.child.pid]);
    await newest.run("COMMIT");
    const mark = report.wal?.readMarks?.find(({ pids }) => pids?.length);
    assert.deepEqual(mark?.pids, [reader.child.pid]);
    other.child.say(".timeout 50000");
    other.child.say("PRAGMA wal_checkpoint(TRUNCATE);");
    const deadline = Date.now() + 30_000;
    let seen = false;
    while (!seen && Date.now() < deadline) {
      await pause();
      seen = processOf(path, other).checkpointing;
    }
    assert.equal(seen, true);
    await reader.run("COMMIT");
    await other.run("");
  }),
);

test(
  "a process that is killed is gone from the next look",
  { skip },
  withDatabase(async (path) => {
    const all = await holdings(path);
    for (const { child } of all) {
      const named = () => inspect(path).processes?.map(({ pid }) => pid);
      assert.ok(named()?.includes(child.pid));
      child.kill("SIGKILL");
      await child.ended;
      assert.ok(!named()?.includes(child.pid));
    }
    const { holders, lock } = inspect(path);
    assert.deepEqual(
      holders.map(({ alive }) => alive),
      holders.map(() => false),
    );
    // In a container, one outside may hold it.
    assert.equal(lock.state, inContainer() ? null : "free");
  }),
);
