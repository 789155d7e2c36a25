/**
 * The file behind a database: where it is, and why it cannot be opened.
 *
 * @module
 */

import { primaryCode, SQLITE } from "../driver/failure.ts";
import { LitelatchError, LockLostError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { facts, identityOf } from "../os/look.ts";
import { sharedState } from "../os/shared_state.ts";
import { busyError } from "./blame.ts";
import { handlesOn } from "./exchange.ts";
import { abandoned } from "./loss_words.ts";
import { locate, type Location } from "../os/paths.ts";

/** What a path that is no file is called. */
export const MEMORY = ":memory:";

/**
 * Finds the file that `path` leads to, or the place where it will be.
 *
 * @throws {LitelatchError} If it can be no database.
 */
export function locateDatabase(path: string, settings: Settings): Location {
  let target: Location;
  try {
    target = locate(path);
  } catch (error) {
    throw cannotOpen(
      path,
      "its folder must exist and be readable; create it, or check the path",
      error,
    );
  }
  const found = facts(target.path);
  refuseLost(target.path);
  if (found === null) {
    refuseMissing(target.path, settings);
    return target;
  }
  if (found.kind === "file") return target;
  throw cannotOpen(
    target.path,
    `it must be a file, but it is ${
      found.kind === "folder" ? "a folder" : "something else"
    }; name a file${found.kind === "folder" ? " inside" : ""}`,
  );
}

/** Not every driver can be told to create nothing. */
export function refuseMissing(path: string, settings: Settings): void {
  if (settings.create && !settings.readOnly) return;
  throw cannotOpen(
    path,
    "it must exist, because " +
      (settings.readOnly ? "readOnly is true" : "create is false"),
  );
}

/**
 * No runtime tells what its SQLite has open, and to open may take a while: a
 * file that was put in its place meanwhile would be taken for the open one.
 *
 * @param identity `dev:ino` of the file at `path` when it was opened.
 */
export function refuseMoved(path: string, identity: string | null): void {
  if (identityOf(path) === identity) return;
  throw cannotOpen(
    path,
    "it must stay where it is, but it was deleted or replaced while it was " +
      "opened; open it again",
  );
}

/**
 * SQLite would give a further connection the state of a lost one.
 *
 * @throws {LockLostError} If this process has such a connection to the file.
 */
export function refuseLost(path: string): void {
  const { abandoned: lost } = sharedState();
  if (lost.size > 0 && lost.has(identityOf(path) ?? "")) throw abandoned(path);
  for (const handle of handlesOn(path)) {
    const reason = handle.refusal();
    if (reason !== null) throw new LockLostError(reason);
  }
}

/** Says what an error of SQLite means for whoever opened `path`. */
export function explainOpening(
  path: string,
  error: unknown,
  waitedMs: number,
): unknown {
  switch (primaryCode(error)) {
    case SQLITE.BUSY:
      return busyError("open", path, waitedMs, error);
    case SQLITE.NOTADB:
      return cannotOpen(path, "the file must be an SQLite database", error);
    case SQLITE.CANTOPEN:
      return cannotOpen(
        path,
        "this user must be able to read and write it, and to create " +
          "-wal and -shm files beside it",
        error,
      );
    case SQLITE.FULL:
      return cannotOpen(path, "the disk is full; make room first", error);
  }
  return error;
}

function cannotOpen(
  path: string,
  why: string,
  cause?: unknown,
): LitelatchError {
  return new LitelatchError(
    "LITELATCH_OPEN",
    `Cannot open the database "${path}": ${why}`,
    { cause },
  );
}
