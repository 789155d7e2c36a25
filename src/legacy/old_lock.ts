/**
 * What lies at a legacy path, by its form. Only what has the form of a lock is
 * ever read further, replaced or removed: a database whose path was given by
 * mistake was destroyed.
 *
 * @module
 */

import { allPidfiles, isOurForm } from "../lock/pidfiles.ts";
import { attempt } from "../os/builtin.ts";
import { readSmall } from "../os/files.ts";
import { isEmptyFolder } from "../os/foreign_locks.ts";
import { openFile } from "../os/process_locks.ts";
import { descriptorsOf, locksOn } from "../os/procfs.ts";
import { handlesOn } from "../os/shared_state.ts";
import { type FileStat, lstat } from "../os/stat.ts";

/** What lies at a legacy path. */
export type OldLock =
  /** proper-lockfile's. */
  | { kind: "folder"; stat: FileStat }
  /** With a PID, or empty. */
  | { kind: "file"; stat: FileStat; text: string; claim: Claim | null }
  | { kind: "foreign"; what: string };

/** Who an old lock names. */
export interface Claim {
  pid: number;
  /** The host that it is of; `null` if it names none. */
  host: string | null;
  /** Whether it is a PID and nothing else, as ours are. */
  isBare: boolean;
  /** Whether one of ours wrote it: an empty line is behind the PID. */
  isMarked: boolean;
}

const MOST_BARE_BYTES = 64;
const MOST_BYTES = 65536;
// A database is as many pages of at least this size.
const LEAST_PAGE = 512;

/** Looks; `null` if nothing is there. Opens regular files alone. */
export function readOldLock(path: string): OldLock | null {
  const found = lstat(path);
  if (found === null) return null;
  if (found.kind === "folder") {
    const isEmpty = isEmptyFolder(path);
    if (isEmpty) return { kind: "folder", stat: found };
    return foreign(
      `a folder that ${isEmpty === null ? "cannot be listed" : "is not empty"}`,
    );
  }
  if (found.kind === "link") return foreign("a symbolic link");
  if (found.kind !== "file") return foreign(`a ${found.kind}`);
  const fault = found.size === 0 ? lockFileFault(found) : sizeFault(found);
  if (fault !== null) return foreign(fault);
  const text = found.size === 0 ? "" : readSmall(path);
  if (text === null) {
    return lstat(path) === null ? null : foreign("a file that cannot be read");
  }
  const claim = parse(text);
  return claim === undefined
    ? foreign(nameOf(text))
    : { kind: "file", stat: found, text, claim };
}

function foreign(what: string): OldLock {
  return { kind: "foreign", what };
}

/** `null` for an empty file, `undefined` for what has no form of a lock. */
function parse(text: string): Claim | null | undefined {
  if (text === "") return null;
  if (/^\s*\d+\s*$/.test(text) && text.length < MOST_BARE_BYTES) {
    const isMarked = text.endsWith("\n\n");
    return { pid: Number(text), host: null, isBare: true, isMarked };
  }
  if (!text.trimStart().startsWith("{")) return undefined;
  const { pid, hostname, host } = attempt(() => JSON.parse(text.trim()), {});
  if (typeof pid !== "number") return undefined;
  const name = [hostname, host].find((name) => typeof name === "string");
  return { pid, host: name ?? null, isBare: false, isMarked: false };
}

function nameOf(text: string): string {
  if (text.startsWith("SQLite format 3")) return "an SQLite database";
  return isOurForm(text)
    ? "a record of litelatch itself"
    : "a file of something else";
}

/** A lock file of litelatch is empty too, and so is many a `-wal` in use. */
function lockFileFault(found: FileStat): string | null {
  const { path = "" } = found;
  const [, beside] = /^(.+)(?:-wal|-shm|-journal|\.lock)$/s.exec(path) ?? [];
  const pages = beside === undefined ? null : lstat(beside);
  if (
    pages?.kind === "file" && pages.size > 0 && pages.size % LEAST_PAGE === 0
  ) {
    return "a file that belongs to a database beside it, by its name";
  }
  const isOurs = (locksOn(found)?.length ?? 0) > 0 ||
    (path.endsWith(".lock") && allPidfiles(path.slice(0, -5)).length > 0);
  return isOurs ? "a lock file of litelatch itself" : null;
}

/**
 * To read a database that this process has open would drop its locks, so what
 * may be one is not opened for a look.
 */
function sizeFault(found: FileStat): string | null {
  const { size, path = "" } = found;
  if (size > MOST_BYTES) return `a file of ${size} bytes`;
  if (size % LEAST_PAGE !== 0) return null;
  const descriptors = descriptorsOf("self");
  const isClosed = handlesOn(path).length === 0 && descriptors !== null &&
    descriptors.every((name) => {
      const open = openFile("self", name);
      return open !== null && open?.identity !== found.identity;
    });
  return isClosed ? null : "a file that may be an open database, by its size";
}
