/**
 * Reads bytes of files on which this process may hold locks.
 *
 * Closing any descriptor of a file drops all the POSIX locks that the process
 * has on it (https://sqlite.org/howtocorrupt.html, section 2.2). So a file is
 * read here only where it is proved that nothing else in this process has it
 * open; otherwise another process reads it.
 *
 * @module
 */

import {
  closeFile,
  inWorker,
  mayRun,
  openToRead,
  readAt,
  readByAnother,
} from "../os/raw_bytes.ts";
import { type FileIdentity, isPosix } from "../os/stat.ts";
import { timesOpenHere } from "./opened_files.ts";

/** What was read; `null` with the reason. Short at the end of the file. */
export type Excerpt =
  | { bytes: Uint8Array; reason: null }
  | { bytes: null; reason: string };

/** Reads `length` bytes at an offset. */
export type Read = (offset: number, length: number) => Excerpt;

/** A way to read one file. */
export interface Reader {
  read: Read;
  /** Whether many small reads are cheap. */
  cheap: boolean;
}

/**
 * Chooses the way to read one file.
 *
 * @param file What `stat` said about it: a regular file.
 * @param alone Whether the caller knows that nobody else in this process has
 * the file open.
 */
export function readerOf(
  path: string,
  file: FileIdentity,
  alone: boolean,
): Reader {
  const isSafe = alone || !isPosix();
  const times = isSafe ? 0 : timesOpenHere(file);
  if (times === 0) {
    return {
      read: (offset, length) => readHere(path, file, offset, length, isSafe),
      cheap: true,
    };
  }
  if (mayRun("dd")) {
    return {
      read: (offset, length) => excerpt(readByAnother(path, offset, length)),
      cheap: false,
    };
  }
  if (times === null && !inWorker()) {
    return {
      read: (offset, length) => readForGood(path, file, offset, length),
      cheap: true,
    };
  }
  const reason = "reading the file here would drop this process's locks on " +
    "it; for another process to read it, Deno needs --allow-run=dd and " +
    "--allow-env=NODE_V8_COVERAGE";
  return { read: () => excerpt(reason), cheap: false };
}

function readHere(
  path: string,
  file: FileIdentity,
  offset: number,
  length: number,
  isSafe: boolean,
): Excerpt {
  const opened = openToRead(path);
  if (typeof opened === "string") return excerpt(opened);
  try {
    return excerpt(readAt(opened, offset, length));
  } finally {
    // A worker may have opened the database since it was asked for. A
    // descriptor that is never closed drops nothing.
    if (isSafe || timesOpenHere(file) === 1) closeFile(opened);
  }
}

// Descriptors that stay open for the life of this process, by dev:ino.
const kept = new Map<string, number>();

function readForGood(
  path: string,
  file: FileIdentity,
  offset: number,
  length: number,
): Excerpt {
  const key = file.identity;
  const opened = kept.get(key) ?? openToRead(path);
  if (typeof opened === "string") return excerpt(opened);
  kept.set(key, opened);
  return excerpt(readAt(opened, offset, length));
}

function excerpt(read: Uint8Array | string): Excerpt {
  return typeof read === "string"
    ? { bytes: null, reason: read }
    : { bytes: read, reason: null };
}
