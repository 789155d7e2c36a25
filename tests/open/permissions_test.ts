import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const CHILD = fileURLToPath(
  new URL("fixtures/permission_child.ts", import.meta.url),
);
const deno = runtimes().find(({ id }) => id === "deno");

test(
  "Deno needs only read and write on the folder of the database",
  { skip: deno === undefined ? "Deno is not here" : false },
  withDatabase(async (path, folder) => {
    const start = () =>
      new Child([
        deno?.command[0] as string,
        "run",
        "--no-prompt",
        `--allow-read=${folder}`,
        `--allow-write=${folder}`,
        CHILD,
        path,
      ]);
    const child = start();
    assert.equal(await child.line(), "refused here");
    assert.equal(await child.line(), "held");
    const other = await start().ended;
    assert.equal(other.code, 1);
    assert.match(other.stderr, /LockedError/);
    assert.match(other.stderr, new RegExp(`exclusively by PID ${child.pid} `));
    child.say("go on");
    assert.match(await child.line(), /only with --allow-all/);
    const { code, stderr } = await child.ended;
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2");
  }),
);
