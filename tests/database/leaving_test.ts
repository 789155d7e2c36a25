import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { Child, fixture, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { missing, needs, notRoot } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = new URL("fixtures/leaving_child.ts", import.meta.url);
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const EXITS = [
  ["exit", "1"],
  ["exit with two", "1,2"],
  ["exit in write", "1"],
  ["exit in write, which a listener writes in too", "1"],
  ["exit in writeAsync", "1,3"],
  ["exit in writeAsync, after a listener", "1,3"],
] as const;

/** Starts the child program on the runtime under test. */
function leave(path: string, way: string) {
  return start(thisRuntime(), CHILD, path, way);
}

function records(path: string): string[] {
  return readdirSync(join(path, "..")).filter((name) => name.includes(".pid"));
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

for (const [way, rows] of EXITS) {
  test(
    `process.exit leaves no record, and all that was committed (${way})`,
    withDatabase(async (path) => {
      assert.equal((await leave(path, way).ended).code, 3);
      assert.deepEqual(records(path), []);
      assert.equal(query(path, "SELECT group_concat(a) FROM t"), rows);
    }),
  );
}

test(
  "what is open can be written until the process is gone",
  withDatabase(async (path) => {
    const { code, stderr } = await leave(path, "write at exit").ended;
    assert.deepEqual([code, stderr], [3, ""]);
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2,3");
  }),
);

test(
  "Deno.exit() keeps all that was committed, and what it leaves blocks nobody",
  { skip: thisRuntime().id !== "deno" && "this is about Deno" },
  withDatabase(async (path) => {
    assert.equal((await leave(path, "exit of Deno").ended).code, 3);
    assert.equal(records(path).length, 1);
    open(path, { onWarning: () => {}, lock: "exclusive" }).close();
    assertClosed(path, "1,2");
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
    `${signal} does what it always did, and loses nothing`,
    { skip: needs("signals") },
    withDatabase(async (path) => {
      const child = leave(path, "wait");
      assert.equal(await child.line(), "ready");
      child.kill(signal);
      const ended = await child.ended;
      assert.deepEqual([ended.code, ended.signal], [null, signal]);
      assert.equal(ended.stderr, "");
      open(path, { onWarning: () => {}, lock: "exclusive" }).close();
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
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2");
  }),
);

test(
  "another listener hears the signal, may write, and ends the process",
  { skip: needs("signals") },
  withDatabase(async (path) => {
    const child = leave(path, "listen");
    assert.equal(await child.line(), "ready");
    child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    assert.equal(code, 7);
    assert.match(stdout, /heard/);
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2");
  }),
);

test(
  "another listener that goes on is not cut off",
  { skip: needs("signals") },
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
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2,2");
  }),
);

test(
  "no signal is listened to, and the exit only while something is open",
  withDatabase((path) => {
    const count = () =>
      [...SIGNALS, "exit"].map((name) => process.listenerCount(name));
    const before = count();
    const one = open(path, { onWarning: () => {} });
    const two = open(path, { onWarning: () => {} });
    const whileOpen = before.map((listeners, i) =>
      listeners + (i === 3 ? 1 : 0)
    );
    assert.deepEqual(count(), whileOpen);
    one.close();
    assert.deepEqual(count(), whileOpen);
    two.close();
    assert.deepEqual(count(), before);
  }),
);
