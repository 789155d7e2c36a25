/**
 * `litelatch clean`: away with the records of those that hold nothing.
 *
 * @module
 */

import { toHolder } from "../lock/holders.ts";
import { describe } from "../lock/refusal.ts";
import { locate, partsOf, toPath } from "../os/paths.ts";
import { printable } from "../printable.ts";
import type { Wishes } from "./arguments.ts";
import { lookOrExcuse } from "./cannot_look.ts";
import { cleanRecords, type Kept } from "./clean_records.ts";
import { count } from "./formats.ts";
import { jsonText } from "./safe_text.ts";
import { type Screen, wrap } from "./screen.ts";

/** A record that was left where it is. */
interface Left {
  record: string;
  pid: number | null;
  why: string;
}

/** Clears what can be cleared, and says what lies there besides. */
export function clean({ path, json }: Wishes, screen: Screen): number {
  const { foreign } = lookOrExcuse(path);
  const cleaning = cleanRecords(locate(toPath(path)).path);
  const removed = cleaning.removed.map((path) => partsOf(path).name);
  const kept = cleaning.kept.map((one): Left => ({
    record: partsOf(one.path).name,
    pid: one.record?.pid ?? null,
    why: wordsFor(one),
  }));
  if (json) screen.line(jsonText({ removed, kept, foreign }));
  else {
    print(removed, kept, screen);
    for (const { name, what } of foreign) {
      screen.line(
        `foreign  ${
          wrap(`${printable(name, 300)}: ${what}`, screen.columns, 9)
        }`,
      );
    }
  }
  return kept.length === 0 ? 0 : 1;
}

function wordsFor({ record, why }: Kept): string {
  const holder = record === null ? null : toHolder(record);
  if (why === "not allowed") {
    return `nobody holds the lock by it${
      holder === null ? "" : `, it names PID ${holder.pid}`
    }, but this user may not remove it; its owner can`;
  }
  if (holder === null) {
    return "it cannot be read, and the kernel says that the lock is held";
  }
  if (why === "elsewhere") {
    return `${describe(holder)} holds another lock file, which was deleted ` +
      "or replaced under it";
  }
  return holder.alive === true
    ? `${describe(holder)} is alive`
    : `the kernel says that the lock is held, and whether ${
      describe(holder)
    } is alive cannot be known from here`;
}

function print(removed: string[], kept: Left[], screen: Screen): void {
  for (const name of removed) screen.line(`removed  ${printable(name, 300)}`);
  for (const { record, why } of kept) {
    const text = `${printable(record, 300)}: ${why}`;
    screen.line(`kept     ${wrap(text, screen.columns, 9)}`);
  }
  if (removed.length + kept.length === 0) screen.line("There are no records.");
  else {
    screen.line(
      `${count(removed.length, "record")} removed, ${kept.length} kept.`,
    );
  }
}
