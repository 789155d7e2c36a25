import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { inspect } from "../../src/inspect/mod.ts";
import { elsewhere, mixed, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { unexplained } from "./fixtures/reasons.ts";

// A thousand by hand: LITELATCH_LOOKS=1000.
const LOOKS = Number(process.env["LITELATCH_LOOKS"] ?? 30);

test(
  "eight writers at full speed do not notice that they are looked at",
  withDatabase(async (path, folder) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const writers = mixed(8).map((runtime) =>
      start(runtime, "writing_child.ts", path)
    );
    for (const writer of writers) assert.equal(await writer.line(), "ready");
    const names = new Set<string>();
    let last = 0;
    let moved = 0;
    for (let looks = 0; looks < LOOKS; looks++) {
      const report = inspect(path);
      assert.deepEqual(unexplained(report), []);
      assert.equal(report.database?.valid, true);
      assert.equal(report.wal?.valid, true);
      const commits = report.database?.commits ?? last;
      if (commits !== last) moved++;
      last = commits;
      for (const { pid } of writers) {
        const found = report.processes?.find((one) => one.pid === pid);
        if (report.processes !== null) assert.equal(found?.attached, true);
      }
      const writing = report.processes?.filter((one) => one.writing).length;
      assert.ok((writing ?? 0) <= 1, "two hold the write lock");
      for (const name of readdirSync(folder)) {
        names.add(name.replace(/\.pid-.*/, ".pid-*"));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(moved > 1, "nobody wrote meanwhile");
    let sum = 0;
    for (const writer of writers) {
      writer.end();
      const { commits, errors } = JSON.parse(await writer.line());
      assert.deepEqual(errors, []);
      sum += commits;
    }
    assert.equal(Number(query(path, "SELECT count(*) FROM t")), sum);
    const expected = ["", "-shm", "-wal", ".lock", ".pid-*"];
    assert.deepEqual([...names].sort(), expected.map((end) => `app.db${end}`));
  }),
);
