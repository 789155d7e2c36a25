/**
 * `litelatch clean`: away with the records of processes that are gone.
 *
 * @module
 */

import { look } from "../inspect/inspect.ts";
import { cleanRecords } from "../lock/clean.ts";
import { type Pidfile, toHolder } from "../lock/pidfiles.ts";
import { describe } from "../lock/refusal.ts";
import { locate, toPath } from "../os/paths.ts";
import { waitSync } from "../os/waiting.ts";
import type { Wishes } from "./arguments.ts";
import { cannotLook } from "./cannot_look.ts";
import { type Screen, wrap } from "./screen.ts";
import { count } from "./words.ts";

/** A record that was left where it is. */
interface Kept {
  record: string;
  pid: number | null;
  why: string;
}

/** Clears what can be cleared. */
export function clean({ path, json }: Wishes, screen: Screen): number {
  const report = look(path, true);
  const excuse = cannotLook(report);
  if (excuse !== null) throw excuse;
  const target = locate(toPath(path));
  const cleaning = waitSync(cleanRecords(target));
  const short = (file: string) =>
    file.slice(target.path.length - target.name.length);
  const removed = cleaning.removed.map(short);
  const kept = cleaning.kept.map((pidfile) => keptBecause(pidfile, short));
  if (json) screen.line(JSON.stringify({ removed, kept }, null, 2));
  else print(removed, kept, screen);
  return kept.length === 0 ? 0 : 1;
}

function keptBecause(
  { path, record }: Pidfile,
  short: (file: string) => string,
): Kept {
  const name = short(path);
  if (record === null) {
    return {
      record: name,
      pid: null,
      why: "it cannot be read, and the kernel says that the lock is held",
    };
  }
  const holder = toHolder(record);
  return {
    record: name,
    pid: record.pid,
    why: holder.alive === true
      ? `${describe(holder)} is alive`
      : `the kernel says that the lock is held, and whether ${
        describe(holder)
      } is alive cannot be known from here`,
  };
}

function print(removed: string[], kept: Kept[], screen: Screen): void {
  for (const name of removed) screen.line(`removed  ${name}`);
  for (const { record, why } of kept) {
    screen.line(`kept     ${wrap(`${record}: ${why}`, screen.columns, 9)}`);
  }
  if (removed.length + kept.length === 0) screen.line("There are no records.");
  else {
    screen.line(
      `${count(removed.length, "record")} removed, ${kept.length} kept.`,
    );
  }
}
