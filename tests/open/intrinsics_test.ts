import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = new URL("fixtures/intrinsics_child.ts", import.meta.url);
const PIECE = new URL("fixtures/piece_child.ts", import.meta.url);

for (const how of ["frozen", "extended"]) {
  test(
    `a process whose built-in objects are ${how} gets the same answers`,
    {
      skip: how === "frozen" && thisRuntime().id === "deno" &&
        "Deno's own files need them as they were",
    },
    withDatabase(async (path) => {
      const child = start(thisRuntime(), CHILD, path, how);
      const { code, stdout, stderr } = await child.ended;
      assert.equal(code, 0, stderr);
      const row = [
        ["a", 1],
        ["toString", 2],
        ["hasOwnProperty", 3],
        ["__proto__", 4],
      ];
      assert.deepEqual(JSON.parse(stdout), {
        mode: "shared",
        seen: [row, row, row],
        some: { toString: 2 },
        refusal: "LockedError",
      });
    }),
  );
}

for (const when of ["before", "after"]) {
  test(
    `a piece of a Deno that others put there ${when} open() is no matter`,
    { skip: thisRuntime().id === "deno" && "it has a whole one" },
    withDatabase(async (path) => {
      const child = start(thisRuntime(), PIECE, path, when);
      const { code, stdout, stderr } = await child.ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), {
        change: "unchanged",
        refusal: "LockedError",
      });
      for (const end of ["", ".copy"]) {
        assert.equal(query(path + end, "SELECT group_concat(a) FROM t"), "1,2");
      }
    }),
  );
}
