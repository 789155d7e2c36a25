/**
 * `litelatch checkpoint`: what `db.checkpoint()` does.
 *
 * @module
 */

import type { CheckpointResult } from "../database/checkpoint_now.ts";
import { describe } from "../lock/refusal.ts";
import { open } from "../open.ts";
import type { Wishes } from "./arguments.ts";
import { Excuse, lookOrExcuse } from "./cannot_look.ts";
import { count, list, size } from "./formats.ts";
import { jsonText } from "./safe_text.ts";
import { type Screen, wrap } from "./screen.ts";

/** Empties the WAL, as one more shared holder of the lock. */
export function checkpointCommand(
  { path, json }: Wishes,
  screen: Screen,
): number {
  const report = lookOrExcuse(path);
  // Opening it would make a database of whatever is there.
  if (report.file?.kind !== "file" || !report.database?.valid) {
    throw new Excuse(
      `Cannot checkpoint "${report.path}": it must be an SQLite database`,
    );
  }
  if (report.database.journalMode !== "wal") {
    throw new Excuse(
      `Cannot checkpoint "${report.path}": its journal mode must be WAL`,
    );
  }
  const db = open(path, {
    app: "litelatch",
    purpose: "checkpoint",
    create: false,
    heartbeat: false,
    // What it says of SQLite is the reason of the result too.
    onWarning: () => {},
  });
  try {
    const result = db.checkpoint();
    if (json) screen.line(jsonText(result));
    else print(result, screen);
    return result.blocked ? 1 : 0;
  } finally {
    db.close();
  }
}

function print(result: CheckpointResult, screen: Screen): void {
  const { walBytesBefore, walBytesAfter, log, checkpointed } = result;
  const say = (text: string) => screen.line(wrap(text, screen.columns, 0));
  if (!result.blocked) {
    say(
      `The WAL is empty: ${size(walBytesBefore)} before, ${
        count(Math.max(0, log), "frame")
      } moved into the database.`,
    );
    return;
  }
  say(
    `The WAL is ${size(walBytesAfter)}, ${size(walBytesBefore)} before; ${
      log < 0
        ? "no frame was moved"
        : `${checkpointed} of ${count(log, "frame")} are in the database`
    }.`,
  );
  say(`It could not be emptied: ${result.reason}.`);
  const { blockedBy } = result;
  if (blockedBy === null) say("Who that is cannot be told from here.");
  else if (blockedBy.length > 0) {
    say(`In the way: ${list(blockedBy.map((one) => describe(one)))}.`);
  }
}
