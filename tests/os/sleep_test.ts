import assert from "node:assert/strict";
import { test } from "node:test";
import { sleepAsync, sleepSync } from "../../src/os/clock.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const TIMES = 100;

// Clocks are read before and after, and a sleep may end a little early. Only Bun
// has async sleeps of less than a millisecond.
test("an async sleep lasts for its part of a millisecond", async () => {
  const start = performance.now();
  for (let i = 0; i < TIMES; i++) await sleepAsync(0.1);
  const slept = performance.now() - start;
  const leastMs = thisRuntime().id === "bun" ? 0.09 : 0.5;
  assert.ok(slept >= leastMs * TIMES, String(slept));
});

test("a sleep of the thread lasts for its part of a millisecond", () => {
  const start = performance.now();
  for (let i = 0; i < TIMES; i++) sleepSync(0.2);
  const slept = performance.now() - start;
  assert.ok(slept >= 0.2 * TIMES * 0.9, String(slept));
});
