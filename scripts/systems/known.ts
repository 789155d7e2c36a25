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
  /** Of what the run said, where any file may end in it. */
  readonly said?: RegExp;
  readonly why: string;
  /** Whether it is not even tried. */
  readonly leftOut?: boolean;
}

const DESCRIPTORS =
  "by Wine: its server keeps a descriptor for each look at a file until the " +
  "locks on it go, and after some thousand writes nobody can open a file";

const OUT_OF_DESCRIPTORS =
  /EMFILE: too many open files|Too many open files\.? \(os error 4\)|unable to create worker threads/;

const LINKED = [
  ...["adopting", "bun_plugin", "http_server", "mcp_server", "migrators"],
  ...["neighbours", "one_of_many", "orms", "runners"],
];

const KNOWN: readonly Known[] = [
  ...LINKED.map((name): Known => ({
    on: "windows",
    file: `consumers/${name}_test.ts`,
    why: "by Wine: it has no links, by which these programs see their packages",
    leftOut: true,
  })),
  ...["migrators", "orms"].map((name): Known => ({
    on: "macos",
    file: `consumers/${name}_test.ts`,
    why: "by the pretence: better-sqlite3 loads what was built for macOS",
    leftOut: true,
  })),
  {
    on: "windows",
    file: "packaging/tarball_test.ts",
    said: /ENOENT opening root directory "\."/,
    why: "by Wine: `bun build` finds no folder",
  },
  {
    on: "windows",
    file: "",
    said: OUT_OF_DESCRIPTORS,
    why: DESCRIPTORS,
  },
  {
    on: "windows",
    file: "",
    said: /Deno has panicked[^]*named_pipe\.rs/,
    why: "by Wine: Deno panics over its pipe to a child",
  },
  {
    on: "windows",
    file: "",
    said: /Assertion failed: process_title/,
    why:
      "by Node 22: it ends where its console has an empty title, as children " +
      "of Deno have under Wine (https://github.com/nodejs/node/issues/58695)",
  },
];

// They write so often that Wine has no descriptors left.
const GREEDY = ["async_write_processes", "change", "line"];

/** Whether a file must run alone there, as it would take others along. */
export function runsAlone(on: Name, file: string): boolean {
  return on === "windows" &&
    GREEDY.some((name) => file.endsWith(`database/${name}_test.ts`));
}

/** Why a file is not tried there; `null` if it is. */
export function whyLeftOut(on: Name, file: string): string | null {
  const isIt = (one: Known) =>
    one.on === on && one.leftOut && file.includes(one.file);
  return KNOWN.find(isIt)?.why ?? null;
}

/** Why this test fails there; `null` if nobody knows. */
export function whyKnown(
  on: Name,
  file: string,
  test: string,
  said: string,
): string | null {
  return KNOWN.find((one) =>
    one.on === on && file.includes(one.file) &&
    (one.test === undefined || one.test.test(test)) &&
    (one.said === undefined || one.said.test(said))
  )?.why ?? null;
}
