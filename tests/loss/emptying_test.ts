import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { test } from "node:test";
import { WAL_CHECKPOINT } from "../../src/os/lock_bytes.ts";
import { locksOn, pidsAt } from "../../src/os/procfs.ts";
import { stat } from "../../src/os/stat.ts";
import { start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { until } from "../fixtures/until.ts";

const skip = needs("/proc") ||
  (SQLITE3 === undefined && "there is no sqlite3") ||
  (thisRuntime().id === "node22" &&
    "SQLite 3.49 has the WAL-reset bug, so there are no checkpoints of ours");

test(
  "a checkpoint that waits for a reader cuts off no commit by a new -shm",
  { skip },
  withDatabase(async (path) => {
    const child = start(
      thisRuntime(),
      new URL("fixtures/emptying_child.ts", import.meta.url),
      path,
    );
    assert.equal(await child.line(), "open");
    const reader = startSqlite3(path);
    await reader.run("BEGIN; SELECT count(*) FROM t");
    const waits = () =>
      pidsAt(locksOn(stat(`${path}-shm`)) ?? [], WAL_CHECKPOINT, true)
        .includes(child.pid);
    // It waits for 440 ms in all; a stop does not count for SQLite.
    let answer = "";
    for (let tries = 0; answer === ""; tries++) {
      assert.ok(tries < 20, "it was never met while it waited");
      child.say("empty");
      let isOver = false;
      const answered = child.line().finally(() => isOver = true);
      let isMet = false;
      await until("it waits", () => {
        if (isOver || !waits()) return isOver;
        child.kill("SIGSTOP");
        isMet = waits();
        if (!isMet) child.kill("SIGCONT");
        return isMet;
      }, 1);
      if (isMet) {
        renameSync(`${path}-shm`, `${path}-moved`);
        const other = startSqlite3(path);
        await other.run("INSERT INTO t VALUES (3)");
        other.child.say(".quit");
        await other.child.ended;
        await reader.run("COMMIT");
        child.kill("SIGCONT");
      }
      const said = await answered;
      if (isMet) answer = said;
    }
    assert.equal(answer, "LITELATCH_LOCK_LOST");
    child.kill("SIGKILL");
    await child.ended;
    assert.equal(query(path, "SELECT count(*) FROM t WHERE n=3"), "1");
  }),
);
