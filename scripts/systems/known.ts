/**
 * What fails for want of the system, and not of the product: each with its
 * reason. Whatever is not here counts as a failure.
 *
 * @module
 */

import type { Name } from "./system.ts";

interface Known {
  readonly on: Name;
  /** Part of the path of the test file; of any if it is empty. */
  readonly file: string;
  /** Of the name of the test; all of the file where it is missing. */
  readonly test?: RegExp;
  readonly why: string;
  /** Whether it is not even tried: it would take others along. */
  readonly leftOut?: boolean;
}

const KNOWN: readonly Known[] = [
  {
    on: "macos",
    file: "",
    test: /better-sqlite3/,
    why: "by the pretence: the package looks for its binary for macOS",
  },
  {
    on: "windows",
    file: "database/change_test.ts",
    why:
      "by Wine: its server keeps a descriptor for each close of a file that " +
      "has locks, and after 10,000 writes nobody can open a file any more",
    leftOut: true,
  },
  {
    on: "windows",
    file: "legacy/",
    test: /hands on what it was handed|while a stale lock is cleared stays/,
    why: "by Wine: a process that was not started by Wine has no parent",
  },
];

/** Why a file is not tried there; `null` if it is. */
export function whyLeftOut(on: Name, file: string): string | null {
  const isIt = (one: Known) =>
    one.on === on && one.leftOut && file.includes(one.file);
  return KNOWN.find(isIt)?.why ?? null;
}

/** Why this test fails there; `null` if nobody knows. */
export function whyKnown(on: Name, file: string, test: string): string | null {
  return KNOWN.find((one) =>
    one.on === on && file.includes(one.file) &&
    (one.test === undefined || one.test.test(test))
  )?.why ?? null;
}
