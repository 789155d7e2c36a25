/**
 * The checks that come before the tests. Each counts as one.
 *
 * @module
 */

import { entryPoints } from "../release/ship/manifest.ts";
import { runChild } from "./child.ts";
import type { Tally } from "./tally.ts";

const PATIENCE = 5 * 60_000;

/**
 * These are kept from `deno check` by `deno.json`, and by that from all else:
 * the first two need JSR, which not every machine reaches, and the others
 * import what their users have installed.
 */
const UNCHECKED = [
  "scripts/release/build_npm.ts",
  "scripts/release/smoke_release.ts",
  "tests/consumers/*/**",
];

/** One command of Deno. */
interface Check {
  readonly name: string;
  readonly args: readonly string[];
  /** Whether what it prints is shown also where all is well. */
  readonly shown?: true;
}

const CHECKS: readonly Check[] = [
  { name: "deno fmt --check", args: ["fmt", "--check"] },
  { name: "deno lint", args: ["lint"] },
  {
    name: "deno fmt --check, what is kept from deno check",
    args: ["fmt", "--check", "--no-config", ...UNCHECKED],
  },
  {
    name: "deno lint, what is kept from deno check",
    // An ORM wants promises of its dialect, whatever that does.
    args: [
      "lint",
      "--no-config",
      "--rules-exclude=require-await",
      ...UNCHECKED,
    ],
  },
  { name: "deno check", args: ["check"] },
  {
    name: "deno doc --lint, every entry point",
    args: ["doc", "--lint", ...entryPoints()],
  },
  // It also refuses slow types, and what JSR would not take.
  {
    name: "deno publish --dry-run, what JSR is given",
    args: ["run", "-A", "scripts/release/jsr.ts", "--dry-run"],
  },
  {
    name: "deno test --doc",
    args: ["run", "-A", "scripts/test/examples.ts"],
  },
  {
    name: "scripts/checks/check_floors.ts",
    args: ["run", "-A", "scripts/checks/check_floors.ts"],
  },
  {
    name: "scripts/checks/check_budgets.ts",
    args: ["run", "-A", "scripts/checks/check_budgets.ts"],
    shown: true,
  },
];

/** Runs all of them with the given Deno, whatever the ones before said. */
export async function runChecks(deno: string, tally: Tally): Promise<void> {
  for (const { name, args, shown } of CHECKS) {
    const { code, cut, output } = await runChild([deno, ...args], PATIENCE);
    if (code === 0 && cut === null) {
      tally.pass(name);
      if (shown) output.trim().split("\n").forEach((line) => tally.note(line));
    } else tally.fail("check", cut === null ? name : `${name}: ${cut}`, output);
  }
}
