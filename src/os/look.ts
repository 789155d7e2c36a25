/**
 * What a path leads to, by `stat` and `statfs` alone: no descriptor is opened.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import { fileSystem } from "./builtin.ts";
import { FILESYSTEMS } from "./filesystem_names.ts";
import { mayAskSystem } from "./permissions.ts";

/** Device and inode of a file: what a kernel lock hangs on. */
export interface FileIdentity {
  dev: bigint;
  ino: bigint;
  /** Where it was found; missing where only the numbers are known. */
  path?: string;
}

/** What a path leads to, by `stat` alone. */
export interface FileFacts extends FileIdentity {
  kind: "file" | "folder" | "other";
  links: bigint;
  size: bigint;
}

/**
 * What `path` leads to; `null` if nothing is there.
 *
 * @throws {LitelatchError} If the system does not tell.
 */
export function facts(path: string): FileFacts | null {
  const { Deno } = globalThis as { Deno?: Deno };
  if (Deno !== undefined) {
    const stat = asked(path, () => denoStat(Deno, path));
    if (stat === undefined) return null;
    // A larger one was rounded, and would be another file.
    if (Number.isSafeInteger(stat.ino)) return denoFacts(path, stat);
  }
  const stat = asked(
    path,
    () => fileSystem().statSync(path, { bigint: true, throwIfNoEntry: false }),
  );
  if (stat === undefined) return null;
  return {
    path,
    dev: stat.dev,
    ino: stat.ino,
    links: stat.nlink,
    size: stat.size,
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "folder" : "other",
  };
}

/** The size of a file in bytes, 0 if there is none. */
export function sizeOf(path: string): number {
  return Number(facts(path)?.size ?? 0);
}

/** Inode and size of a file, the quick way; `null` if there is none. */
export function glance(path: string): { ino: number; size: number } | null {
  const { Deno } = globalThis as { Deno?: Deno };
  const look = () =>
    Deno === undefined
      ? fileSystem().statSync(path, { throwIfNoEntry: false })
      : denoStat(Deno, path);
  return asked(path, look) ?? null;
}

interface DenoStat {
  isFile: boolean;
  isDirectory: boolean;
  dev: number;
  ino: number;
  nlink: number;
  size: number;
}

interface Deno {
  statSync(path: string): DenoStat;
}

/** A fifth of the time of its `node:fs`, and each write in a loop may look. */
function denoStat(deno: Deno, path: string): DenoStat | undefined {
  try {
    return deno.statSync(path);
  } catch (error) {
    if ((error as Error).name === "NotFound") return undefined;
    throw error;
  }
}

function denoFacts(path: string, stat: DenoStat): FileFacts {
  return {
    path,
    dev: BigInt(stat.dev),
    ino: BigInt(stat.ino),
    links: BigInt(stat.nlink),
    size: BigInt(stat.size),
    kind: stat.isFile ? "file" : stat.isDirectory ? "folder" : "other",
  };
}

/** A bare "EIO: i/o error, stat" came out of open() and write(). */
function asked<T>(path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw new LitelatchError(
      "LITELATCH_OPEN",
      `Cannot look at "${path}": ${
        error instanceof Error ? error.message : error
      }`,
      { cause: error },
    );
  }
}

/** `"dev:ino"` of a file, to be kept in a record; `null` if there is none. */
export function identityOf(path: string): string | null {
  const found = facts(path);
  return found === null ? null : `${found.dev}:${found.ino}`;
}

/** The filesystem under a path, as a name such as `nfs`; `null` if unknown. */
export function filesystemOf(path: string): string | null {
  if (process.platform !== "linux" || !mayAskSystem()) return null;
  try {
    const { type } = fileSystem().statfsSync(path);
    return FILESYSTEMS[type] ?? `0x${type.toString(16)}`;
  } catch {
    return null;
  }
}
