import assert from "node:assert/strict";
import { test } from "node:test";
import { Judge } from "../../scripts/torture/judge.ts";
import { compare } from "../../scripts/torture/ledger.ts";

/** Reads a log, its lines split by slashes. */
function judged(log: string): Judge {
  const judge = new Judge();
  for (const line of log.split(" / ")) judge.read(line);
  return judge;
}

test("holders one after the other, and shared ones together, are no breach", () => {
  const judge = judged(
    "a hold exclusive / a drop / b hold shared / c hold shared / b drop / " +
      "c drop / a hold exclusive / a drop / a gone",
  );
  assert.deepEqual(judge.breaches, []);
  assert.equal(judge.acquisitions, 4);
  assert.deepEqual(judge.holders, []);
});

test("an exclusive holder beside any other is two holders", () => {
  for (
    const log of [
      "a hold exclusive / b hold exclusive",
      "a hold exclusive / b hold shared",
      "a hold shared / b hold exclusive",
      "a hold shared / b hold shared / b drop / c hold exclusive",
    ]
  ) {
    const judge = judged(log);
    assert.equal(judge.doubleHolders, 1, log);
    assert.equal(judge.breaches.length, 1, log);
  }
});

test("the lock of a killed holder may be taken over, that of another not", () => {
  const taken = judged("a hold exclusive / a kill / b hold exclusive / a gone");
  assert.deepEqual(taken.breaches, []);
  assert.equal(taken.takeovers, 1);
  const other = judged("a hold exclusive / c kill / b hold exclusive");
  assert.equal(other.doubleHolders, 1);
});

test("a killed holder that speaks after its lock was taken over was alive", () => {
  const log = "a hold exclusive / a kill / b hold exclusive / ";
  assert.equal(judged(`${log}a ack 7`).doubleHolders, 1);
  assert.equal(judged(`${log}a drop`).doubleHolders, 1);
});

test("a line of the log that cannot be read is a breach", () => {
  for (const line of ["", "a", "a hol", "a hold excl", "hold exclusive"]) {
    assert.equal(judged(line).breaches.length, 1, line);
  }
});

test("commits and refusals are kept by writer", () => {
  const judge = judged(
    "a ack 1 / b ack 1 / a failed 2 SQLITE_13 write: full / a ack 3 / " +
      "b error LITELATCH_LOCKED acquire: it is locked",
  );
  assert.equal(judge.commits, 3);
  assert.deepEqual([...judge.acknowledged.get("a") ?? []], [1, 3]);
  assert.deepEqual([...judge.refused.get("a") ?? []], [2]);
  assert.deepEqual(
    judge.refusals.map(({ code }) => code),
    ["SQLITE_13", "LITELATCH_LOCKED"],
  );
});

/** Compares commits of one writer. */
function verdict(
  there: number[],
  acknowledged: number[],
  refused: number[] = [],
  more: { halves?: string[]; integrity?: string } = {},
): string[] {
  const { halves = [], integrity = "ok" } = more;
  const found = {
    commits: new Map([["a", new Set(there)]]),
    halves,
    integrity,
  };
  const { lost, broken, returned } = compare(
    found,
    new Map([["a", new Set(acknowledged)]]),
    new Map([["a", new Set(refused)]]),
  );
  return [
    ...lost.map((commit) => `lost ${commit}`),
    ...broken,
    ...returned > 0 ? [`${returned} returned`] : [],
  ];
}

test("an acknowledged commit that is missing is lost", () => {
  assert.deepEqual(verdict([1, 2, 3], [1, 2, 3]), []);
  assert.deepEqual(verdict([1, 3], [1, 2, 3]), ["lost a 2"]);
  assert.deepEqual(verdict([], [1]), ["lost a 1"]);
});

test("only the last commit may be there without a word", () => {
  assert.deepEqual(verdict([1, 2, 3], [1, 2]), []);
  assert.deepEqual(verdict([1, 2, 3, 4], [1, 2]).length, 1);
  assert.deepEqual(verdict([1, 2, 3], [1, 3]).length, 1);
  assert.deepEqual(verdict([1, 2, 3], [1, 3], [2]), ["1 returned"]);
});

test("half a commit and a damaged file are broken", () => {
  assert.equal(verdict([1], [1], [], { halves: ["a 2"] }).length, 1);
  assert.equal(verdict([1], [1], [], { integrity: "row 3 missing" }).length, 1);
});
