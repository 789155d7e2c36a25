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

import { fileSystem } from "./builtin.ts";
import type { FileIdentity } from "./look.ts";
import { timesOpenHere } from "./neighbours.ts";
import { mayRun } from "./permissions.ts";
import { inWorker } from "./process.ts";

/** What was read; `null` with the reason. Short at the end of the file. */
export type Glimpse =
  | { bytes: Uint8Array; reason: null }
  | { bytes: null; reason: string };

/** Reads `length` bytes at an offset. */
export type Peek = (offset: number, length: number) => Glimpse;

/** A way to read one file. */
export interface Window {
  peek: Peek;
  /** Whether many small looks are cheap. */
  cheap: boolean;
}

const PATIENCE_MS = 5000;

/**
 * Chooses the way to read one file.
 *
 * @param file What `facts` said about it: a regular file.
 * @param alone Whether the caller knows that nobody else in this process has
 * the file open.
 */
export function peekInto(
  path: string,
  file: FileIdentity,
  alone: boolean,
): Window {
  // LockFileEx locks belong to the handle that took them.
  const safe = alone || process.platform === "win32";
  const times = safe ? 0 : timesOpenHere(file);
  if (times === 0) {
    return {
      peek: (offset, length) => directly(path, file, offset, length, safe),
      cheap: true,
    };
  }
  if (mayRun("dd")) {
    return {
      peek: (offset, length) => byAnother(path, offset, length),
      cheap: false,
    };
  }
  if (times === null && !inWorker()) {
    return {
      peek: (offset, length) => forGood(path, file, offset, length),
      cheap: true,
    };
  }
  const reason = "reading the file here would drop this process's locks on " +
    "it; for another process to read it, Deno needs --allow-run=dd and " +
    "--allow-env=NODE_V8_COVERAGE";
  return { peek: () => ({ bytes: null, reason }), cheap: false };
}

function directly(
  path: string,
  file: FileIdentity,
  offset: number,
  length: number,
  safe: boolean,
): Glimpse {
  const opened = openOnly(path);
  if (typeof opened === "string") return failed(opened);
  try {
    return readAt(opened, offset, length);
  } finally {
    // A worker may have opened the database since we looked. A descriptor that
    // is never closed drops nothing.
    if (safe || timesOpenHere(file) === 1) fileSystem().closeSync(opened);
  }
}

// Descriptors that stay open for the life of this process, by dev:ino.
const kept = new Map<string, number>();

function forGood(
  path: string,
  file: FileIdentity,
  offset: number,
  length: number,
): Glimpse {
  const key = `${file.dev}:${file.ino}`;
  const opened = kept.get(key) ?? openOnly(path);
  if (typeof opened === "string") return failed(opened);
  kept.set(key, opened);
  return readAt(opened, offset, length);
}

function byAnother(path: string, offset: number, length: number): Glimpse {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const blocks = offset === 0
    ? [`bs=${length}`, "count=1"]
    : ["bs=1", `skip=${offset}`, `count=${length}`];
  const { status, stdout, error } = spawnSync("dd", [`if=${path}`, ...blocks], {
    stdio: ["ignore", "pipe", "ignore"],
    // To hand our own variables down, Deno would want one more permission.
    env: { PATH: "/usr/bin:/bin" },
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
    maxBuffer: length + 4096,
  });
  if (status === 0) return { bytes: new Uint8Array(stdout), reason: null };
  return failed(
    `another process had to read it, and dd failed (${
      error === undefined ? `exit code ${status}` : codeOf(error)
    })`,
  );
}

/** Opens a file without waiting for anybody; otherwise says why not. */
function openOnly(path: string): number | string {
  const fs = fileSystem();
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    return fs.openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
  } catch (error) {
    return `it cannot be opened (${codeOf(error)})`;
  }
}

function readAt(opened: number, offset: number, length: number): Glimpse {
  const bytes = new Uint8Array(length);
  try {
    let filled = 0;
    while (filled < length) {
      const got = fileSystem().readSync(
        opened,
        bytes,
        filled,
        length - filled,
        offset + filled,
      );
      if (got === 0) break;
      filled += got;
    }
    return { bytes: bytes.subarray(0, filled), reason: null };
  } catch (error) {
    return failed(`it cannot be read (${codeOf(error)})`);
  }
}

function failed(reason: string): Glimpse {
  return { bytes: null, reason };
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  return String(code ?? name);
}
