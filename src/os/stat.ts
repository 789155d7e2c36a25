/** What lies at a path; nothing is opened, so no lock is dropped. @module */

import { LitelatchError } from "../errors.ts";
import { fileSystem, type Realm } from "./builtin.ts";

/** One file: what a kernel lock hangs on. */
export interface FileIdentity {
  /** Device and inode, `"dev:ino"`. */
  identity: string;
  /** Where it was found; missing where only the numbers are known. */
  path?: string;
}

/** What `stat` says of a path. */
export interface FileStat extends FileIdentity {
  kind: "file" | "folder" | "link" | "device, a socket or a FIFO";
  links: number;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  /** When its content last changed, in milliseconds since 1970. */
  modifiedMs: number;
}

/** What `path` leads to; `null` if nothing is there. */
export function stat(path: string): FileStat | null {
  return describe(path, "statSync");
}

/** The same, without following a link at the end of `path`. */
export function lstat(path: string): FileStat | null {
  return describe(path, "lstatSync");
}

/** `"dev:ino"` of what lies at `path`; `null` if there is nothing. */
export function identityOf(path: string, follows = false): string | null {
  return quickStat(path, follows)?.identity ?? null;
}

/** The file behind a `"dev:ino"`; `null` if the text is none. */
export function parseIdentity(text: string | null): FileIdentity | null {
  const [identity] = /^\d{1,20}:\d{1,20}$/.exec(text ?? "") ?? [];
  return identity === undefined ? null : { identity };
}

/**
 * Whether an open file can be deleted, and to close one drops all the locks that
 * this process has on it. On Windows they belong to the handle.
 */
export function isPosix(): boolean {
  return process.platform !== "win32";
}

const HOW = { bigint: true, throwIfNoEntry: false } as const;

/** The identity and size alone, the quick way: each write asks. */
export function quickStat(
  path: string,
  follows = false,
): { identity: string; size: number } | null {
  const { Deno } = globalThis as Realm;
  const verb = follows ? "statSync" : "lstatSync";
  // A third of the time of Deno's `node:fs`, which rounds as much.
  const look = () => Deno?.[verb]?.(path) ?? fileSystem()[verb](path, HOW);
  const found = ask(path, look);
  return found && { identity: named(found), size: Number(found.size) };
}

function named({ dev, ino }: Record<"dev" | "ino", bigint | number>): string {
  return `${whole(dev)}:${whole(ino)}`;
}

/**
 * Node and Bun give the upper half of all numbers as negative ones. To make a
 * `BigInt` of each took more than half of a look whose code is not warm.
 */
function whole(n: bigint | number): bigint | number {
  return n >= 0 && n < 2 ** 53 ? n : BigInt.asUintN(64, BigInt(n));
}

function describe(
  path: string,
  verb: "statSync" | "lstatSync",
): FileStat | null {
  const found = ask(path, () => fileSystem()[verb](path, HOW));
  if (found === null) return null;
  return {
    path,
    kind: found.isFile()
      ? "file"
      : found.isDirectory()
      ? "folder"
      : found.isSymbolicLink()
      ? "link"
      : "device, a socket or a FIFO",
    identity: named(found),
    links: Number(found.nlink),
    size: Number(found.size),
    mode: Number(found.mode),
    uid: Number(found.uid),
    gid: Number(found.gid),
    modifiedMs: Number(found.mtimeMs),
  };
}

/** A bare "EIO: i/o error, stat" came out of open() and write(). */
function ask<T>(path: string, run: () => T | undefined): T | null {
  try {
    return run() ?? null;
  } catch (error) {
    const { message, code = "" } = error as Error & { code?: string };
    // Its folder may have become a file, or a link a circle.
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(code)) return null;
    const text = `Cannot stat "${path}": ${message}`;
    throw new LitelatchError("LITELATCH_OPEN", text, { cause: error });
  }
}
