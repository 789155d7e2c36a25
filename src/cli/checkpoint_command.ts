/**
 * `litelatch checkpoint`: what `db.checkpoint()` does.
 *
 * @module
 */

import {
  checkpoint,
  type CheckpointResult,
  whyNoCheckpoint,
} from "../database/checkpointing.ts";
import { Session } from "../database/session.ts";
import { openConnection } from "../driver/runtime.ts";
import { look } from "../inspect/inspect.ts";
import { acquire } from "../lock/acquire.ts";
import { describe } from "../lock/refusal.ts";
import { locate, toPath } from "../os/paths.ts";
import { waitSync } from "../os/waiting.ts";
import type { Wishes } from "./arguments.ts";
import { cannotLook, Excuse } from "./cannot_look.ts";
import { type Screen, wrap } from "./screen.ts";
import { count, list, size } from "./words.ts";

const PATIENCE_MS = 5000;

/** Empties the WAL, as one more shared holder of the lock. */
export function checkpointCommand(
  { path, json }: Wishes,
  screen: Screen,
): number {
  const report = look(path, true);
  const excuse = cannotLook(report);
  if (excuse !== null) throw excuse;
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
  const target = locate(toPath(path));
  const lock = waitSync(acquire("Database", target, {
    mode: "shared",
    app: "litelatch",
    purpose: "checkpoint",
    wait: 0,
    legacy: [],
  }));
  try {
    const result = run(target.path, report.sqlite.version ?? "");
    if (json) screen.line(JSON.stringify(result, null, 2));
    else print(result, screen);
    return result.blocked ? 1 : 0;
  } finally {
    lock.release();
  }
}

function run(path: string, version: string): CheckpointResult {
  const how = { readOnly: false, create: false };
  const connection = openConnection(path, how);
  try {
    connection.exec(`PRAGMA busy_timeout=${PATIENCE_MS}`);
    return checkpoint(new Session(connection, path, PATIENCE_MS), {
      noCheckpoint: whyNoCheckpoint(version, false),
    });
  } finally {
    connection.close();
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
    say(`In the way: ${list(blockedBy.map(describe))}.`);
  }
}
