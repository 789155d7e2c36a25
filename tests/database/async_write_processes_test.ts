import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { type Child, mixed, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { KILLED } from "../fixtures/machine.ts";
import { pause } from "../fixtures/until.ts";
import { rounds } from "./fixtures/rounds.ts";

const WRITER = new URL("fixtures/async_writer.ts", import.meta.url);

/** The numbers that a child has said. */
function said(child: Child): number[] {
  return child.lines.map(Number).filter((n) => n > 0);
}

/** Each number that was said is there, and each that is there is there twice. */
function check(path: string, children: readonly Child[]): number {
  assert.equal(
    query(
      path,
      "SELECT count(*) FROM (SELECT i FROM t GROUP BY i HAVING count(*) <> 2 OR min(w) <> max(w))",
    ),
    "0",
  );
  const found = new Set(
    query(path, "SELECT group_concat(i) FROM t").split(",").map(Number),
  );
  // Nobody has read what was not committed: no number is missing.
  assert.equal(found.size, Math.max(...found));
  const numbers = children.flatMap(said);
  for (const number of numbers) {
    assert.ok(found.has(number), `${number} is lost`);
  }
  assert.equal(
    new Set(numbers).size,
    numbers.length,
    "a number was said twice",
  );
  return numbers.length;
}

function withTable(path: string): void {
  const db = open(path, { onWarning: () => {} });
  db.exec("CREATE TABLE t (w TEXT, i INTEGER); CREATE INDEX ti ON t (i)");
  db.close();
}

test(
  "no async transaction that was acknowledged is lost, whoever is killed",
  withDatabase(async (path) => {
    withTable(path);
    const runtimes = mixed(4);
    const all: Child[] = [];
    const begin = async (i: number): Promise<Child> => {
      const runtime = runtimes[i % 4];
      assert.ok(runtime !== undefined);
      const child = start(runtime, WRITER, path, String(all.length));
      all.push(child);
      await child.line();
      return child;
    };
    const living = await Promise.all([0, 1, 2, 3].map(begin));
    const count = rounds(6);
    for (let kill = 0; kill < count; kill++) {
      await pause(Math.random() * 60);
      const victim = living[kill % 4] as Child;
      victim.kill("SIGKILL");
      const { signal, stderr } = await victim.ended;
      assert.equal(signal, KILLED, stderr);
      living[kill % 4] = await begin(kill % 4);
    }
    for (const child of living) child.kill("SIGKILL");
    await Promise.all(living.map((child) => child.ended));
    const commits = check(path, all);
    console.log(`${count} kills, ${commits} commits acknowledged`);
  }),
);

for (const end of ["exit", "close"]) {
  test(
    `to ${end} in the middle rolls back, and loses nothing`,
    withDatabase(async (path) => {
      withTable(path);
      const all = mixed(4).map((runtime, i) =>
        start(runtime, WRITER, path, String(i), end)
      );
      for (
        const { code, stderr } of await Promise.all(all.map((one) => one.ended))
      ) {
        assert.equal(code, 0, stderr);
      }
      if (end === "close") {
        for (const child of all) {
          assert.deepEqual(
            child.lines.slice(-3),
            ["LITELATCH_CLOSED", "LITELATCH_CLOSED", "LITELATCH_CLOSED"],
          );
        }
      }
      check(path, all);
      // Nobody left anything open.
      open(path, { lock: "exclusive" }).close();
    }),
  );
}

test(
  "a thousand that are queued keep their order beside writers of other processes",
  withDatabase(async (path) => {
    const made = open(path, { onWarning: () => {} });
    made.exec("CREATE TABLE t (b BLOB); CREATE TABLE own (i INTEGER)");
    made.close();
    const others = mixed(7).map((runtime, i) =>
      start(runtime, "writing_child.ts", path, String(i))
    );
    for (const other of others) assert.equal(await other.line(), "ready");
    const db = open(path, { busyTimeout: 110_000, onWarning: () => {} });
    const count = rounds(300);
    await Promise.all(
      Array.from({ length: count }, (_, i) =>
        db.writeAsync(async (tx) => {
          await null;
          tx.prepare("INSERT INTO own VALUES (?)").run(i);
        })),
    );
    for (const other of others) other.end();
    for (
      const { stdout, stderr } of await Promise.all(
        others.map((one) => one.ended),
      )
    ) {
      const { errors } = JSON.parse(stdout.split("\n")[1] ?? "") as {
        errors: string[];
      };
      assert.deepEqual(errors, [], stderr);
    }
    const rows = db.prepare("SELECT i FROM own ORDER BY rowid").all();
    assert.deepEqual(
      rows.map(({ i }) => i),
      Array.from({ length: count }, (_, i) => i),
    );
    db.close();
  }),
);
