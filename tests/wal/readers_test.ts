import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { lookout } from "../../src/wal/readers.ts";
import { elsewhere, mixed, otherRuntime, start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const LINUX = !needs("/proc");

test(
  "a reader of the bare database file is named as one that pins the WAL",
  { skip: !LINUX && "needs /proc/locks" },
  withDatabase(async (path) => {
    const [reader, writer] = [0, 1].map(() =>
      start(otherRuntime(), "database_child.ts")
    );
    await writer!.ask({ do: "open", path });
    await writer!.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
    await writer!.ask({ do: "get", sql: "PRAGMA wal_checkpoint(TRUNCATE)" });
    await reader!.ask({ do: "open", path });
    await reader!.ask({ do: "exec", sql: "BEGIN; SELECT * FROM t" });
    await writer!.ask({ do: "write", sql: "INSERT INTO t VALUES (1)" });
    // SQLite itself says that nothing could be moved.
    const sql = "PRAGMA wal_checkpoint(PASSIVE)";
    const { value } = await writer!.ask({ do: "get", sql });
    assert.equal((value as { checkpointed: number }).checkpointed, 0);
    assert.deepEqual(lookout(path, false)(), [reader!.pid]);
  }),
);

test(
  "writers that wait for a checkpoint are not named as in its way",
  {
    skip: thisRuntime().id === "node22"
      ? "on an affected SQLite it does not even try"
      : !LINUX && "needs /proc/locks",
  },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const reader = start(otherRuntime(), "database_child.ts");
    await reader.ask({ do: "open", path });
    await reader.ask({ do: "exec", sql: "BEGIN; SELECT * FROM t" });
    const writers = mixed(3).map((runtime) =>
      start(runtime, "writing_child.ts", path)
    );
    for (const writer of writers) assert.equal(await writer.line(), "ready");
    const db = open(path, { heartbeat: false });
    let alone = 0;
    for (let times = 0; times < 5; times++) {
      const { blocked, blockedBy } = db.checkpoint();
      assert.equal(blocked, true);
      const pids = blockedBy?.map(({ pid }) => pid);
      assert.ok(pids?.includes(reader.pid), `${pids}`);
      if (pids?.length === 1) alone++;
    }
    // A writer that is stopped while it reads is in the way for that look.
    assert.ok(alone > 0, "others are named in every look");
    db.close();
  }),
);
