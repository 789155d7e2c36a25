/**
 * What the table says, in words: each sentence only where the numbers of this
 * very run bear it out.
 *
 * @module
 */

import type { Outcome } from "./storm.ts";
import { count, failed, milliseconds, quantile } from "./table.ts";

/** Two or three plain sentences. */
export function meaning(
  hook: Outcome,
  timeout: Outcome,
  litelatch: Outcome,
): string[] {
  return [
    ofTheHook(hook),
    ofTheTimeout(timeout),
    ofLitelatch(hook, timeout, litelatch),
    ...[hook, timeout, litelatch].flatMap(losses),
  ].filter((sentence) => sentence !== "");
}

function ofTheHook(hook: Outcome): string {
  if (hook.refusals === 0) return "Without a timeout nothing failed this time.";
  return `Without a timeout SQLite said "database is locked" ` +
    `${times(hook.refusals)} to ${transactions(hook)}, and each time the ` +
    `program began anew${givenUp(hook)}.`;
}

function ofTheTimeout(timeout: Outcome): string {
  if (timeout.refusals === 0) {
    return "With busy_timeout alone nothing failed this time.";
  }
  const stale = timeout.stale === 0
    ? ""
    : `, ${count(timeout.stale)} of them with SQLITE_BUSY_SNAPSHOT, for ` +
      "which SQLite does not wait";
  return `busy_timeout alone left ${failures(timeout.refusals)}${stale}` +
    `${givenUp(timeout)}.`;
}

function ofLitelatch(
  hook: Outcome,
  timeout: Outcome,
  litelatch: Outcome,
): string {
  const result = litelatch.refusals === 0
    ? `With litelatch all ${transactions(litelatch)} were committed, none ` +
      "was begun twice"
    : `With litelatch there were ${failures(litelatch.refusals)}` +
      givenUp(litelatch);
  const longest = quantile(litelatch, 1);
  const others = [hook, timeout].map((outcome) => quantile(outcome, 1));
  const than = others.map(milliseconds).join(" and ");
  return `${result}; the longest wait was ${milliseconds(longest)}, ` +
    `against ${than}.`;
}

function losses({ way, found }: Outcome): string[] {
  const name = way.heading.join(" ");
  const said = [];
  if (found.lost > 0) {
    said.push(`LOST ${name}: ${count(found.lost)} acknowledged commits.`);
  }
  if (found.integrity !== "ok") {
    said.push(`CORRUPT ${name}: ${found.integrity}`);
  }
  return said;
}

function givenUp(outcome: Outcome): string {
  const number = failed(outcome);
  return number === 0 ? "" : `; ${count(number)} were given up in the end`;
}

function transactions(outcome: Outcome): string {
  return `${count(outcome.transactions)} transactions`;
}

function times(number: number): string {
  return number === 1 ? "once" : `${count(number)} times`;
}

function failures(number: number): string {
  return `${count(number)} failure${number === 1 ? "" : "s"}`;
}
