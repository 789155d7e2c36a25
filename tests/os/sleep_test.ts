import assert from "node:assert/strict";
import { test } from "node:test";
import { sleepAsync, sleepSync } from "../../src/os/clock.ts";

const TIMES = 100;

// Clocks are read before and after, and a sleep may end a little early.
test("an async sleep of a part of a millisecond is one", async () => {
  const start = performance.now();
  for (let i = 0; i < TIMES; i++) await sleepAsync(0.1);
  const slept = performance.now() - start;
  assert.ok(slept >= TIMES / 2, String(slept));
});

test("a sleep of the thread lasts for its part of a millisecond", () => {
  const start = performance.now();
  for (let i = 0; i < TIMES; i++) sleepSync(0.2);
  const slept = performance.now() - start;
  assert.ok(slept >= 0.2 * TIMES * 0.9, String(slept));
});
