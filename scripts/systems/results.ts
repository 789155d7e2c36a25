/**
 * What the tests said on each system, and why.
 *
 * @module
 */

import type { Tally } from "../test/tally.ts";
import { whyKnown } from "./known.ts";
import type { System } from "./system.ts";

interface Row {
  where: string;
  passed: number;
  known: Map<string, number>;
  unknown: string[];
}

/** Prints each file as it ends, and a table at the end. */
export class Results {
  readonly #rows: Row[] = [];
  readonly #out: { write(text: string): unknown };
  readonly #started = Date.now();

  constructor(out: { write(text: string): unknown }) {
    this.#out = out;
  }

  /** What books the tests of one runtime. */
  begin({ name }: System, label: string, files: number): Tally {
    const where = `${name}, ${label}`;
    const row: Row = { where, passed: 0, known: new Map(), unknown: [] };
    this.#rows.push(row);
    let done = 0;
    let last = "";
    const say = (text: string) => {
      const minutes = ((Date.now() - this.#started) / 60_000).toFixed(1);
      this.#out.write(`${minutes.padStart(6)} min  ${text}\n`);
    };
    const next = (file: string) => {
      if (file !== last) done++;
      last = file;
    };
    say(`${where}: ${files} files`);
    return {
      passed: 0,
      failed: 0,
      heading: say,
      note: (text) => {
        row.known.set(text, 1);
        say(text);
      },
      warn: say,
      summary: () => {},
      pass: (text, count = 1) => {
        row.passed += count;
        next(text);
        say(`${done}/${files}  ok      ${text}`);
      },
      count: (more) => void (row.passed += more),
      fail: (_, sentence, output = "", said = output) => {
        const [file = "", ...rest] = sentence.split(": ");
        next(file);
        const why = whyKnown(name, file, rest.join(": "), said);
        if (why === null) row.unknown.push(sentence);
        else row.known.set(why, (row.known.get(why) ?? 0) + 1);
        say(
          `${done}/${files}  ${
            why === null ? "FAILED" : "known "
          }  ${sentence}`,
        );
        if (output !== "") this.#out.write(`${output}\n`);
      },
    };
  }

  /** The table, and the exit code. */
  finish(): number {
    const all = this.#rows.flatMap(({ unknown }) => unknown);
    this.#out.write("\n| where | passed | unexpected | known, and why |\n");
    this.#out.write("|---|---|---|---|\n");
    for (const { where, passed, known, unknown } of this.#rows) {
      const why = [...known].map(([why, count]) => `${count} ${why}`);
      this.#out.write(
        `| ${where} | ${passed} | ${unknown.length} | ${why.join("; ")} |\n`,
      );
    }
    for (const { where, unknown } of this.#rows) {
      for (const what of unknown) this.#out.write(`FAILED ${where}: ${what}\n`);
    }
    const passed = this.#rows.reduce((sum, row) => sum + row.passed, 0);
    this.#out.write(`\n${passed} passed, ${all.length} unexpected\n`);
    return all.length === 0 && passed > 0 ? 0 : 1;
  }
}
