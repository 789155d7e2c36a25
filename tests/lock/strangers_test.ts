import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { acquireLock, acquireLockAsync, type LockedError } from "../../mod.ts";
import { listsEverybody, processStat } from "../../src/os/procfs.ts";
import { start } from "../fixtures/children.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { needs } from "../fixtures/machine.ts";
import { thisAndNext } from "../fixtures/runtimes.ts";
import { pause } from "../fixtures/until.ts";
import { inFolder } from "../fixtures/folder.ts";

// A refusal looks eleven times within 728 ms: never all of them in one phase.
const PHASE_MS = 700;
const MODES = ["BEGIN EXCLUSIVE", "BEGIN; SELECT count(*) FROM sqlite_schema"];

test(
  "a process without a record that was seen with both modes is not named",
  { skip: needs("/proc") || (SQLITE3 === undefined && "there is no sqlite3") },
  inFolder(async (folder) => {
    // A contender wins, and has SHARED while it asks. On a machine that was busy
    // with all else, 2 of 675 refusals named one as a shared holder.
    const path = `${folder}/app`;
    for (let tries = 0; tries < 5; tries++) {
      writeFileSync(`${path}.lock`, "");
      const other = startSqlite3(`${path}.lock`);
      await other.run(".timeout 5000");
      await other.run(MODES[0]!);
      const asked = acquireLockAsync(path).then(
        (lock) => lock.release(),
        (error: LockedError) => error,
      );
      let answer: unknown = "none yet";
      asked.then((found) => answer = found);
      for (let turn = 1; answer === "none yet"; turn++) {
        await pause(PHASE_MS);
        await other.run(`ROLLBACK; ${MODES[turn % 2]}`);
      }
      other.child.kill("SIGKILL");
      await other.child.ended;
      // It may have won between two phases.
      if (answer === undefined) continue;
      assert.equal(
        (answer as LockedError).code,
        "LITELATCH_LOCKED",
        `${answer}`,
      );
      assert.deepEqual((answer as LockedError).holders, []);
      return;
    }
    assert.fail("it was never refused");
  }),
);

for (const mode of ["exclusive", "shared"]) {
  test(
    `a planted record, ${mode}, makes nobody a holder`,
    {
      skip: needs("/proc") || (!listsEverybody() && "not all locks are listed"),
    },
    inFolder(async (folder) => {
      const path = `${folder}/app`;
      const holder = start(thisAndNext()[1], "database_child.ts");
      await holder.ask({ do: "open", path, options: { app: "real" } });
      const innocent = start(thisAndNext()[1], "database_child.ts");
      const place = readdirSync(folder).find((one) => one.includes(".pid-"));
      const [, json = ""] = readFileSync(`${folder}/${place}`, "utf8")
        .split("\n");
      const { startToken } = processStat(innocent.pid) ?? {};
      const { pid } = innocent;
      const thread = String(pid);
      const facts = { pid, thread, startToken, mode, app: "innocent" };
      const planted = { ...JSON.parse(json), ...facts };
      for (const end of [".pid", ".pid-0123456789abcdef"]) {
        const text = `${innocent.pid}\n${JSON.stringify(planted)}\n`;
        writeFileSync(path + end, text);
      }
      assert.throws(() => acquireLock(path), (error: LockedError) => {
        assert.deepEqual(error.holders.map(({ app }) => app), ["real"]);
        return error.code === "LITELATCH_LOCKED";
      });
      await holder.ask({ do: "close" });
    }),
  );
}
