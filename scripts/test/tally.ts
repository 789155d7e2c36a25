/**
 * Counts what passed and what failed, and prints it as it comes.
 *
 * @module
 */

import { painter } from "../colours.ts";

/** The sum over all checks and runtimes, and how it is shown. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  heading(text: string): void;
  /** A remark that neither passed nor failed. */
  note(text: string): void;
  /** A remark that must not be overlooked: repeated at the end. */
  warn(text: string): void;
  pass(text: string, count?: number, output?: string): void;
  /** Adds what passed in a file that failed, without a word. */
  count(passed: number): void;
  /**
   * Shows a failure in full; `where` is the runtime or the check. `said` is the
   * whole output, where only the last of several failures shows it.
   */
  fail(where: string, what: string, output?: string, said?: string): void;
  /** Repeats the failures, then the one line that others read. */
  summary(): void;
}

/** Starts at zero. */
export function startTally(): Tally {
  const failures: string[] = [];
  const warnings: string[] = [];
  const paint = painter();
  let passed = 0;

  return {
    get passed() {
      return passed;
    },
    get failed() {
      return failures.length;
    },
    heading(text) {
      console.log(`\n${paint(1, text)}`);
    },
    note(text) {
      console.log(`  ${paint(33, text)}`);
    },
    warn(text) {
      warnings.push(text);
      console.log(`  ${paint(33, text)}`);
    },
    pass(text, count = 1, output = "") {
      passed += count;
      console.log(`  ${paint(32, "ok")}      ${text}`);
      if (output.trim() !== "") console.log(indent(output));
    },
    count(more) {
      passed += more;
    },
    fail(where, what, output = "") {
      failures.push(`${where}: ${what}`);
      console.log(`  ${paint(31, "FAILED")}  ${where}: ${what}`);
      if (output.trim() !== "") console.log(indent(output));
    },
    summary() {
      if (warnings.length > 0) console.log();
      for (const warning of warnings) console.log(paint(33, warning));
      if (failures.length > 0) {
        console.log(`\n${paint(1, "Failed")}`);
        for (const failure of failures) console.log(`  ${failure}`);
      }
      console.log(`\n${passed} passed, ${failures.length} failed`);
    },
  };
}

function indent(output: string): string {
  const lines = output.trimEnd().split("\n");
  return lines.map((line) => `    | ${line}`.trimEnd()).join("\n");
}
