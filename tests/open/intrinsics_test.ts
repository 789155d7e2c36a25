import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = new URL("fixtures/intrinsics_child.ts", import.meta.url);

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
