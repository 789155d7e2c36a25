import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "../fixtures/children.ts";
import { withDatabase } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { sayingDarwin } from "../fixtures/saying.ts";

// Where there is no /proc: on Windows and macOS. Elsewhere the runtime only says
// that it is on macOS.

const CLI = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const own = thisRuntime();
const command = process.platform === "linux" ? sayingDarwin(own) : own.command;

function doctor(path: string): { status: number | null; said: string } {
  const [program = "", ...words] = [...command, CLI, "doctor", path];
  const { status, stdout, stderr } = spawnSync(program, words, {
    encoding: "utf8",
  });
  return { status, said: (stdout + stderr).replace(/\s+/g, " ") };
}

test(
  "without /proc the doctor says what it could not see, and no more",
  withDatabase(async (path) => {
    const child = start(own, "database_child.ts");
    const options = { lock: "exclusive", app: "mover" };
    assert.ok((await child.ask({ do: "open", path, options })).ok);
    const held = doctor(path);
    assert.equal(held.status, 1, held.said);
    assert.match(
      held.said,
      new RegExp(
        `is locked exclusively by PID ${child.pid} \\(mover, .*\\), ` +
          "as a pidfile says:",
      ),
    );
    await child.ask({ do: "close" });
    // Its SQLite has the WAL-reset bug, which is a finding of its own.
    if (own.id === "node22") return;
    const free = doctor(path);
    assert.equal(free.status, 0, free.said);
    assert.match(
      free.said,
      /Nothing wrong that can be seen from here: there is no \/proc on \w+\./,
    );
  }),
);
