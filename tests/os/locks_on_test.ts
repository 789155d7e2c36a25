import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openConnection } from "../../src/driver/runtime.ts";
import { locksOn, locksOnEach } from "../../src/os/procfs.ts";
import { stat } from "../../src/os/stat.ts";
import { mixed, otherRuntime, start } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { withoutMounts } from "../fixtures/privileges.ts";

const LINUX = !needs("/proc");

test(
  "a lock on another disk's file of the same number is not taken for ours",
  { skip: (!LINUX && "needs Linux") || withoutMounts },
  inFolder(async (folder) => {
    const disks = ["one", "two"].map((name) => join(folder, name));
    for (const disk of disks) {
      mkdirSync(disk);
      const args = ["-t", "tmpfs", "tmpfs", disk];
      assert.equal(spawnSync("mount", args).status, 0, "mount");
    }
    try {
      const [held, free] = disks.map((disk) => join(disk, "app.db"));
      const child = start(otherRuntime(), "database_child.ts");
      const options = { lock: "none" };
      const opened = await child.ask({ do: "open", path: held!, options });
      assert.equal(opened.ok, true, opened.message);
      await child.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
      spawnSync("touch", [free!]);
      assert.equal(statSync(free!).ino, statSync(held!).ino, "the setting");
      const pids = locksOn(stat(held!)!)?.map((lock) => lock.pid);
      assert.deepEqual(pids, [child.pid]);
      assert.deepEqual(locksOn(stat(free!)!), []);
      child.kill("SIGKILL");
      await child.ended;
    } finally {
      for (const disk of disks) spawnSync("umount", [disk]);
    }
  }),
);

test(
  "no lock is missed at the seam of two pages of the kernel's list",
  { skip: !LINUX && "needs Linux" },
  inFolder(async (folder) => {
    const databases = Array.from({ length: 150 }, (_, i) => {
      const path = join(folder, `${i}.db`);
      const connection = openConnection(path);
      connection.exec("CREATE TABLE t (x); BEGIN; SELECT * FROM t");
      return { file: stat(path), connection };
    });
    const writers = mixed(3).map((runtime, i) => {
      const path = join(folder, `busy-${i}.db`);
      const connection = openConnection(path);
      connection.exec("CREATE TABLE t (x)");
      connection.close();
      return start(runtime, "writing_child.ts", path);
    });
    for (const writer of writers) assert.equal(await writer.line(), "ready");
    for (let look = 0; look < 500; look++) {
      const missed = locksOnEach(databases.map(({ file }) => file))
        ?.filter((locks) => locks.every(({ pid }) => pid !== process.pid));
      assert.deepEqual(missed, [], `look ${look}`);
    }
    for (const { connection } of databases) {
      connection.exec("COMMIT");
      connection.close();
    }
  }),
);
