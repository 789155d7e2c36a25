/**
 * What lies at a path, by `stat` and `lstat` alone: no descriptor is opened,
 * so that no lock of this process is dropped.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import { fileSystem } from "./builtin.ts";

/** Device and inode of a file: what a kernel lock hangs on. */
export interface FileIdentity {
  dev: bigint;
  ino: bigint;
  /** Where it was found; missing where only the numbers are known. */
  path?: string;
}

/** What `stat` says of a path. */
export interface FileStat extends FileIdentity {
  kind: "file" | "folder" | "link" | "other";
  links: number;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  /** When its content last changed, in milliseconds since 1970. */
  modifiedMs: number;
}

/**
 * What `path` leads to; `null` if nothing is there.
 *
 * @throws {LitelatchError} If the system does not tell.
 */
export function stat(path: string): FileStat | null {
  return ask(path, "statSync");
}

/** The same, without following a link at the end of `path`. */
export function lstat(path: string): FileStat | null {
  return ask(path, "lstatSync");
}

/** `"dev:ino"` of what `path` leads to; `null` if there is nothing. */
export function identityOf(path: string): string | null {
  const found = stat(path);
  return found === null ? null : `${found.dev}:${found.ino}`;
}

/** The file behind a `"dev:ino"`; `null` if the text is none. */
export function parseIdentity(text: string | null): FileIdentity | null {
  const [, dev, ino] = /^(\d{1,20}):(\d{1,20})$/.exec(text ?? "") ?? [];
  if (dev === undefined || ino === undefined) return null;
  return { dev: BigInt(dev), ino: BigInt(ino) };
}

/** Inode and size, the quick way: each write asks. `null` if there is none. */
export function quickStat(path: string): { ino: number; size: number } | null {
  const { Deno } = globalThis as { Deno?: DenoFiles };
  return explained(
    path,
    () =>
      Deno === undefined
        ? fileSystem().statSync(path, { throwIfNoEntry: false })
        : denoStat(Deno, "statSync", path),
  ) ?? null;
}

type Call = "statSync" | "lstatSync";

interface DenoStat {
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
  dev: number;
  ino: number;
  nlink: number;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: Date | null;
}

type DenoFiles = Record<Call, (path: string) => DenoStat>;

function ask(path: string, call: Call): FileStat | null {
  const { Deno } = globalThis as { Deno?: DenoFiles };
  if (Deno !== undefined) {
    const found = explained(path, () => denoStat(Deno, call, path));
    if (found === undefined) return null;
    // A larger one was rounded, and would be another file.
    if (Number.isSafeInteger(found.ino)) return ofDeno(path, found);
  }
  const found = explained(
    path,
    () => fileSystem()[call](path, { bigint: true, throwIfNoEntry: false }),
  );
  if (found === undefined) return null;
  return {
    path,
    dev: found.dev,
    ino: found.ino,
    links: Number(found.nlink),
    size: Number(found.size),
    mode: Number(found.mode),
    uid: Number(found.uid),
    gid: Number(found.gid),
    modifiedMs: Number(found.mtimeMs),
    kind: found.isFile()
      ? "file"
      : found.isDirectory()
      ? "folder"
      : found.isSymbolicLink()
      ? "link"
      : "other",
  };
}

/** A fifth of the time of Deno's `node:fs`, which a loop of writes feels. */
function denoStat(
  deno: DenoFiles,
  call: Call,
  path: string,
): DenoStat | undefined {
  try {
    return deno[call](path);
  } catch (error) {
    if ((error as { name?: string }).name === "NotFound") return undefined;
    throw error;
  }
}

function ofDeno(path: string, found: DenoStat): FileStat {
  const { nlink, size, mode, uid, gid } = found;
  return {
    path,
    dev: BigInt(found.dev),
    ino: BigInt(found.ino),
    links: nlink,
    size,
    mode,
    uid,
    gid,
    modifiedMs: Number(found.mtime),
    kind: found.isFile
      ? "file"
      : found.isDirectory
      ? "folder"
      : found.isSymlink
      ? "link"
      : "other",
  };
}

/** A bare "EIO: i/o error, stat" came out of open() and write(). */
function explained<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new LitelatchError(
      "LITELATCH_OPEN",
      `Cannot stat "${path}": ${
        (error as { message?: unknown } | null)?.message ?? error
      }`,
      { cause: error },
    );
  }
}
