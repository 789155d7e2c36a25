import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { inspect } from "../../src/inspect/mod.ts";
import { elsewhere, start } from "../fixtures/children.ts";
import { cli } from "../fixtures/command.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { scene } from "../fixtures/lock_processes.ts";
import { needs } from "../fixtures/machine.ts";
import { runtimes } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";

const skip = needs("/proc");
const WAL = "PRAGMA journal_mode=WAL; CREATE TABLE t (x)";

/** The rows of the table, by what comes first. */
async function rowsOf(path: string): Promise<string[]> {
  const { stdout } = await cli("who", path);
  return stdout.split("\n").filter((line) => /^ *\d+ /.test(line));
}

test(
  "a process with several threads is one line, and so is one whose worker ended",
  { skip },
  () =>
    scene(async ({ target, start }) => {
      for (const runtime of runtimes()) {
        const child = await start(runtime);
        const options = { mode: "shared", app: runtime.id };
        const take = (thread: boolean) =>
          child.ask({ do: "acquire", path: target, options, thread });
        assert.equal((await take(true)).ok, true, runtime.id);
        assert.equal((await take(false)).ok, true, runtime.id);
        const [holder, ...more] = inspect(target).holders;
        assert.equal(holder?.pid, child.pid);
        assert.equal(holder?.moreRecords.length, 1);
        assert.deepEqual(more, []);
        assert.equal((await rowsOf(target)).length, 1, runtime.id);
        await child.ask({ do: "end thread" });
        assert.equal((await rowsOf(target)).length, 1, runtime.id);
        await child.ask({ do: "release" });
        await child.kill();
      }
    }),
);

test(
  "a process that is stopped is called so, with what lets it go on",
  { skip },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    for (const runtime of runtimes()) {
      const child = start(runtime, "database_child.ts");
      await child.ask({ do: "open", path, options: { heartbeat: false } });
      await child.ask({ do: "exec", sql: "BEGIN IMMEDIATE" });
      const own = () =>
        inspect(path).processes?.find(({ pid }) => pid === child.pid);
      assert.equal(own()?.stopped, false);
      process.kill(child.pid, "SIGSTOP");
      const deadline = Date.now() + 30_000;
      while (own()?.stopped !== true && Date.now() < deadline);
      const { stdout } = await cli("doctor", "--json", path);
      const { findings } = JSON.parse(stdout);
      const found = findings.filter(({ code }: { code: string }) =>
        code !== "wal-reset-bug"
      );
      assert.equal(found.length, 1, stdout);
      assert.equal(found[0].code, "stopped");
      assert.deepEqual(found[0].pids, [child.pid]);
      assert.match(found[0].what, /is stopped .* keeps its locks.* to write/);
      assert.ok(found[0].todo.includes(`kill -CONT ${child.pid}`));
      const [row = ""] = await rowsOf(path);
      assert.match(row, /stopped, write lock$/);
      process.kill(child.pid, "SIGCONT");
      while (own()?.stopped !== false && Date.now() < deadline);
      assert.equal(own()?.stopped, false);
      await child.ask({ do: "close" });
    }
  }),
);

test(
  "a writer reads too, and pins nothing",
  { skip: skip || (SQLITE3 === undefined && "needs sqlite3") },
  withDatabase(async (path) => {
    elsewhere(path, WAL);
    const [writer, reader] = [startSqlite3(path), startSqlite3(path)];
    await writer.run("INSERT INTO t VALUES (1)");
    await writer.run("BEGIN IMMEDIATE; INSERT INTO t VALUES (zeroblob(9000))");
    const { wal, processes } = inspect(path);
    assert.deepEqual(wal?.pinnedBy, []);
    const own = processes?.find(({ pid }) => pid === writer.child.pid);
    assert.equal(own?.writing, true);
    assert.equal(own?.readMarks.length, 1);
    await writer.run("COMMIT");
    await reader.run("BEGIN; SELECT count(*) FROM t");
    await writer.run("INSERT INTO t VALUES (2)");
    await writer.run("BEGIN IMMEDIATE; INSERT INTO t VALUES (3)");
    assert.deepEqual(inspect(path).wal?.pinnedBy, [reader.child.pid]);
  }),
);

test(
  "who only asks for the exclusive lock holds nothing",
  { skip },
  () =>
    scene(async ({ target, start }) => {
      const [runtime] = runtimes();
      const [holder, asker] = [await start(runtime!), await start(runtime!)];
      const taken = await holder.acquire(target, { mode: "shared" });
      assert.equal(taken.ok, true);
      const coming = asker.acquire(target, { wait: 60_000 });
      let asks = 0;
      for (const deadline = Date.now() + 30_000; asks < 20;) {
        assert.ok(Date.now() < deadline, "nobody was seen to ask");
        // Bun sends what was said to a child only then.
        await pause(2);
        const { lock, processes } = inspect(target);
        assert.deepEqual(lock.pids, [holder.pid]);
        assert.equal(lock.state, "shared");
        const one = processes?.find(({ pid }) => pid === asker.pid);
        if (one === undefined) continue;
        assert.equal(one.lock, "none");
        if (one.waiting === "lock") asks++;
      }
      await holder.ask({ do: "release" });
      assert.equal((await coming).ok, true);
    }),
);
