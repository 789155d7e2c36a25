import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { Child, fixture, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { missing, notRoot } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = new URL("fixtures/leaving_child.ts", import.meta.url);
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Starts the child program on the runtime under test. */
function leave(path: string, way: string) {
  return start(thisRuntime(), CHILD, path, way);
}

/** Nothing of ours is left but the database and its lock file. */
function assertClosed(path: string, rows: string): void {
  const name = basename(path);
  const left = readdirSync(join(path, "..")).sort();
  assert.deepEqual(left, [name, `${name}.lock`]);
  assert.equal(query(path, "SELECT group_concat(a) FROM t"), rows);
}

test(
  "nothing keeps the process alive",
  withDatabase(async (path) => {
    const { code, signal, stderr } = await leave(path, "end").ended;
    assert.deepEqual([code, signal, stderr], [0, null, ""]);
    assertClosed(path, "1");
  }),
);

test(
  "process.exit closes what is open",
  withDatabase(async (path) => {
    assert.equal((await leave(path, "exit").ended).code, 3);
    assertClosed(path, "1");
  }),
);

test(
  "process.exit closes every handle",
  withDatabase(async (path) => {
    assert.equal((await leave(path, "exit with two").ended).code, 3);
    assertClosed(path, "1,2");
  }),
);

test(
  "process.exit inside a write rolls it back",
  withDatabase(async (path) => {
    assert.equal((await leave(path, "exit in write").ended).code, 3);
    assertClosed(path, "1");
  }),
);

test(
  "an error that ends the process inside a write leaves nothing of it",
  withDatabase(async (path) => {
    const { code, stderr } = await leave(path, "throw in write").ended;
    assert.equal(code, 1);
    assert.match(stderr, /on purpose/);
    // Deno does not tell anybody that it ends, so its WAL may be left.
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1");
    const db = open(path, { onWarning: () => {}, lock: "exclusive" });
    db.close();
    assertClosed(path, "1");
  }),
);

for (const signal of SIGNALS) {
  test(
    `${signal} closes what is open, and then ends the process itself`,
    withDatabase(async (path) => {
      const child = leave(path, "wait");
      assert.equal(await child.line(), "ready");
      assert.ok(existsSync(`${path}-wal`));
      child.kill(signal);
      const ended = await child.ended;
      assert.deepEqual([ended.code, ended.signal], [null, signal]);
      assert.equal(ended.stderr, "");
      assertClosed(path, "1");
    }),
  );
}

test(
  "the first process of a container, which a signal spares, goes on",
  { skip: notRoot() || missing(["unshare", "-pf", "--mount-proc", "true"]) },
  withDatabase(async (path) => {
    const child = new Child([
      ...["unshare", "-pf", "--kill-child", "--mount-proc"],
      ...thisRuntime().command,
      ...[fixture(CHILD), path, "signal itself"],
    ]);
    const { code, signal, stdout, stderr } = await child.ended;
    assert.deepEqual([code, signal, stderr], [0, null, ""]);
    assert.match(stdout, /PID 1 goes on/);
    assertClosed(path, "1,2");
  }),
);

test(
  "a signal after the last close does what it always did",
  withDatabase(async (path) => {
    const child = leave(path, "wait closed");
    assert.equal(await child.line(), "ready");
    child.kill("SIGTERM");
    assert.equal((await child.ended).signal, "SIGTERM");
    assertClosed(path, "1");
  }),
);

test(
  "another listener hears the signal, may write, and ends the process",
  withDatabase(async (path) => {
    const child = leave(path, "listen");
    assert.equal(await child.line(), "ready");
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 7);
    assert.match(stdout, /heard/);
    assertClosed(path, "1,2");
  }),
);

test(
  "another listener that goes on is not cut off",
  withDatabase(async (path) => {
    const child = leave(path, "ignore");
    assert.equal(await child.line(), "ready");
    for (const _again of [1, 2]) {
      child.kill("SIGTERM");
      assert.equal(await child.line(), "ignored");
    }
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2,2");
    child.kill("SIGINT");
    assert.equal((await child.ended).signal, "SIGINT");
    assertClosed(path, "1,2,2");
  }),
);

test(
  "signals are listened to only while something is open",
  withDatabase((path) => {
    const count = () =>
      [...SIGNALS, "exit"].map((name) => process.listenerCount(name));
    const before = count();
    const one = open(path, { onWarning: () => {} });
    const two = open(path, { onWarning: () => {} });
    assert.deepEqual(count(), before.map((listeners) => listeners + 1));
    one.close();
    assert.deepEqual(count(), before.map((listeners) => listeners + 1));
    two.close();
    assert.deepEqual(count(), before);
  }),
);
