import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readFinding,
  type Run,
  verifyAll,
} from "../../scripts/model/verify.ts";
import { missing } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

// gcc without the headers of libc is there, but of no use.
const GCC = "gcc -fsyntax-only -include stdio.h -x c /dev/null".split(" ");

// The model is the same on every runtime; one is enough to start spin.
const skip = thisRuntime().id !== "deno"
  ? "Deno runs it"
  : missing(["spin", "-V"], GCC);

let runs: Promise<Run[]> | undefined;

async function surprises(isMutation: boolean): Promise<string[]> {
  runs ??= verifyAll({});
  return (await runs).filter((run) => run.isMutation === isMutation)
    .filter((run) => !run.asExpected)
    .map(({ name, broken, trouble }) => `${name}: ${broken} ${trouble}`);
}

test(
  "the lock's model keeps its promises in every state",
  { skip },
  async () => {
    assert.deepEqual(await surprises(false), []);
  },
);

test("the lock's model breaks one without any of its steps", {
  skip,
}, async () => {
  assert.deepEqual(await surprises(true), []);
});

test("a search that was not whole proves nothing", () => {
  const whole = "State-vector 52 byte, depth reached 9, errors: 0\n" +
    "     39 states, stored\n";
  assert.deepEqual(readFinding(whole), {
    states: 39,
    broken: null,
    trouble: "",
  });
  for (
    const output of [
      "",
      `error: max search depth too small\n${whole}`,
      `pan: reached -DMEMLIM bound\npan: out of memory\n${whole}`,
    ]
  ) assert.notEqual(readFinding(output).trouble, "");
  const broken = readFinding(
    "pan:1: assertion violated (holds_exclusive==0) (at depth 7)\n" + whole,
  );
  assert.equal(broken.broken, "EXCLUSION");
});
