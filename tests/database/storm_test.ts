import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Answer, mixed, start } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { rounds } from "./fixtures/rounds.ts";

function failed(answers: Answer[]): Answer[] {
  return answers.filter(({ ok }) => !ok);
}

test(
  "8 processes open a fresh database at one instant, and each gets WAL",
  inFolder(async (folder) => {
    const children = mixed(8).map((runtime) =>
      start(runtime, "database_child.ts")
    );
    const all = (request: (i: number) => Parameters<typeof ask>[1]) =>
      Promise.all(children.map((child, i) => ask(child, request(i))));
    const ask = (
      child: typeof children[number],
      request: Parameters<typeof child.ask>[0],
    ) => child.ask(request);
    const count = rounds(8);
    for (let round = 0; round < count; round++) {
      const path = join(folder, `storm${round}.db`);
      const at = Date.now() + 30;
      const sql = "CREATE TABLE IF NOT EXISTS t (a);" +
        "INSERT INTO t VALUES (1)";
      const answers = [
        ...await all(() => ({ do: "open", path, at })),
        ...await all(() => ({ do: "write", sql })),
      ];
      assert.deepEqual(failed(answers), [], `round ${round}`);
      const modes = await all(() => ({
        do: "get",
        sql: "PRAGMA journal_mode",
      }));
      for (const mode of modes) {
        assert.deepEqual(mode.value, { journal_mode: "wal" });
      }
      const closed = await all(() => ({ do: "close" }));
      assert.deepEqual(failed(closed), [], `round ${round}`);
      assert.equal(query(path, "SELECT count(*) FROM t"), "8");
    }
  }),
);

test(
  "writes of 4 processes at once are all done, each once",
  inFolder(async (folder) => {
    const path = join(folder, "app.db");
    const children = mixed(4).map((runtime) =>
      start(runtime, "database_child.ts")
    );
    for (const child of children) {
      const { ok, message } = await child.ask({ do: "open", path });
      assert.ok(ok, message);
    }
    await children[0]?.ask({ do: "exec", sql: "CREATE TABLE t (a)" });
    const sql = "INSERT INTO t VALUES (1)";
    const answers = await Promise.all(
      children.map(async (child) => {
        const said: Answer[] = [];
        for (let i = 0; i < 25; i++) {
          said.push(await child.ask({ do: "write", sql }));
        }
        return said;
      }),
    );
    assert.deepEqual(failed(answers.flat()), []);
    assert.equal(query(path, "SELECT count(*) FROM t"), "100");
  }),
);
