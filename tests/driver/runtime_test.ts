import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { acquireLock, open } from "../../mod.ts";
import { inspect } from "../../src/inspect/mod.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { adoptConnection, requireRuntime } from "../../src/driver/runtime.ts";
import { inFolder } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const FACE = new URL("../../mod.ts", import.meta.url).href;
const own = thisRuntime();

/** Runs `body` where `process` is something else. */
function withProcess(other: unknown, body: () => void): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, "process");
  Object.defineProperty(globalThis, "process", {
    value: other,
    configurable: true,
    writable: true,
  });
  try {
    body();
  } finally {
    Object.defineProperty(globalThis, "process", before as PropertyDescriptor);
  }
}

test("this runtime is new enough", () => {
  requireRuntime();
});

test("an older runtime is refused by its name and number", () => {
  const old: [versions: Record<string, string>, words: RegExp][] = [
    [{ node: "20.19.4" }, /on Node 20\.19\.4: it needs Node 22\.16 or newer/],
    [{ node: "22.15.1" }, /on Node 22\.15\.1: it needs Node 22\.16/],
    [{ node: "24.3.0", bun: "1.2.5" }, /on Bun 1\.2\.5: it needs Bun 1\.2\.6/],
    [{ node: "24.3.0", deno: "2.7.13" }, /on Deno .* needs Deno 2\.7\.14/],
  ];
  for (const [versions, message] of old) {
    withProcess({ versions: { uv: "1", ...versions } }, () => {
      assert.throws(requireRuntime, { name: "UnsupportedError", message });
    });
  }
  const enough: Record<string, string>[] = [
    { node: "22.16.0" },
    { node: "25.0.0-nightly" },
    { node: "20.0.0", bun: "1.2.6" },
    { node: "20.0.0", bun: "1.3.0-canary.5" },
    { node: "20.0.0", deno: "2.8.0" },
  ];
  for (const versions of enough) {
    withProcess({ versions: { uv: "1", ...versions } }, requireRuntime);
  }
});

const PROGRAM = `
import { acquireLock, open } from ${JSON.stringify(FACE)};
for (const path of [":memory:", "app.db"]) {
  for (const call of [open, acquireLock]) {
    try {
      call(path);
    } catch ({ name, code, message }) {
      console.log(name, code, message);
    }
  }
}`;

test(
  "a Node without SQLite is refused by its name, and leaves nothing",
  {
    skip: !own.id.startsWith("node") && "only Node can be started without",
  },
  inFolder((folder) => {
    const [program = "", ...flags] = own.command;
    const { stdout, stderr } = spawnSync(
      program,
      [
        ...flags,
        "--no-experimental-sqlite",
        "--input-type=module",
        "-e",
        PROGRAM,
      ],
      { cwd: folder, encoding: "utf8" },
    );
    assert.equal(
      stdout,
      `UnsupportedError LITELATCH_UNSUPPORTED Cannot find SQLite in ${own.label}: use an official build\n`
        .repeat(4),
      stderr,
    );
    assert.deepEqual(readdirSync(folder), []);
  }),
);

test("a browser, a worker or a bundler's shim is refused, not a crash", () => {
  const calls = [
    requireRuntime,
    () => adoptConnection({}),
    () => open(":memory:"),
    () => acquireLock("app.lock"),
    () => inspect("app.db"),
    () => legacyLocks("app.pid"),
  ];
  // What workerd says of itself with nodejs_compat.
  const workerd = { versions: { node: "22.19.0", uv: "", sqlite: "" } };
  for (const other of [undefined, null, {}, { versions: {} }, workerd]) {
    withProcess(other, () => {
      for (const call of calls) {
        assert.throws(call, {
          code: "LITELATCH_UNSUPPORTED",
          message: /^Cannot use litelatch on \S+.*: it needs files and SQLite/,
        });
      }
    });
  }
});
