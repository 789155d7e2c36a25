/**
 * The file operations that locks, pidfiles and backups need.
 *
 * Nothing here opens a database, its `-wal`, `-shm` or `.lock`: closing such a
 * descriptor would drop every lock that this process has on that file
 * (https://sqlite.org/howtocorrupt.html, section 2.2).
 *
 * @module
 */

import type fs from "node:fs";
import { attempt, codeOf, fileSystem, isGranted } from "./builtin.ts";
import { type FileStat, lstat } from "./stat.ts";

/** Rights that a new file gets. */
export type Rights = Pick<FileStat, "mode" | "uid" | "gid">;

/**
 * Makes `content` appear at `path`, whole and at once, unless something is
 * there already (then `false`). Create-then-write would leave an empty file
 * for a moment, and for ever on a full disk; link(2) shows a finished one.
 */
export function publish(
  path: string,
  draft: string,
  content: string,
  rights: Rights | null = null,
): boolean {
  try {
    create(draft, content, rights);
    fileSystem().linkSync(draft, path);
    return true;
  } catch {
    // exFAT, SMB, some FUSE mounts, and Node without the permission have no
    // links. And the longer name of a draft may be too long.
  } finally {
    remove(draft);
  }
  return create(path, content, rights);
}

/**
 * Creates a file; `false` if something is there. Leaves nothing half done.
 *
 * @param rights By default those of any new file.
 */
export function create(
  path: string,
  content: string,
  rights: Rights | null,
): boolean {
  const fs = fileSystem();
  let file: number;
  try {
    file = fs.openSync(path, "wx", rights === null ? 0o666 : 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    // Some filesystems have no owners or modes.
    if (rights !== null) attempt(() => give(file, rights), null);
    if (content !== "") fs.writeSync(file, content);
  } catch (error) {
    remove(path);
    throw error;
  } finally {
    fs.closeSync(file);
  }
  return true;
}

/**
 * As SQLite does it for `-wal` and `-shm` (os_unix.c, findCreateFileMode): the
 * mode of the database, and as root its owner. Under umask 077, or after one
 * run with sudo, everybody else was locked out. By the descriptor, as a path
 * could have become a link meanwhile.
 */
function give(file: number, { mode, uid, gid }: Rights): void {
  if (isRoot()) attempt(() => fileSystem().fchownSync(file, uid, gid), null);
  fileSystem().fchmodSync(file, mode & 0o666);
}

/** Whether this user may give files away. */
export function isRoot(): boolean {
  return isGranted({ name: "sys" }) && process.getuid?.() === 0;
}

/** Uses an open file, and closes it. */
export function withFile<T>(
  path: string,
  flags: string | number,
  use: (file: number, by: typeof fs) => T,
): T {
  const fs = fileSystem();
  const file = fs.openSync(path, flags);
  try {
    return use(file, fs);
  } finally {
    fs.closeSync(file);
  }
}

const MOST_BYTES = 65536;

/**
 * The first 64 KiB of a regular file as text, or `null` for anything else: a
 * link is not followed and a FIFO does not hang, also if it came just now.
 */
export function readSmall(path: string): string | null {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fileSystem().constants;
  return attempt(() => {
    if (lstat(path)?.kind !== "file") return null;
    return withFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, (file, by) => {
      const bytes = new Uint8Array(MOST_BYTES);
      const length = by.readSync(file, bytes, 0, MOST_BYTES, 0);
      return new TextDecoder().decode(bytes.subarray(0, length));
    });
  }, null);
}

/** Names in `folder` that begin with `prefix`; none if it cannot be listed. */
export function namesIn(folder: string, prefix: string): string[] {
  return attempt(() => fileSystem().readdirSync(folder), [])
    .filter((name) => name.startsWith(prefix));
}

/** Removes a file, or a link and not what it leads to. Whether it is gone. */
export function remove(path: string): boolean {
  try {
    fileSystem().unlinkSync(path);
    return true;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}

/** Asks the kernel to bring a finished file to the disk. */
export function flush(path: string): void {
  withFile(path, "r+", (file, by) => by.fsyncSync(file));
}

/** Moves `draft` to `path` unless something is there already. */
export function moveTo(draft: string, path: string): boolean {
  try {
    fileSystem().linkSync(draft, path);
    remove(draft);
  } catch {
    if (lstat(path) !== null) return false;
    fileSystem().renameSync(draft, path);
  }
  return true;
}

/** Why no further file can be opened: the error's code, or `null`. */
export function whyNoDescriptor(): string | null {
  try {
    withFile(process.platform === "win32" ? "NUL" : "/", "r", () => {});
  } catch (error) {
    const code = codeOf(error);
    if (code === "EMFILE" || code === "ENFILE") return code;
  }
  return null;
}

/** Whether this user may write to a file or folder; `null` if unknown. */
export function canWrite(path: string): boolean | null {
  const fs = fileSystem();
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return true;
  } catch (error) {
    return ["EACCES", "EPERM", "EROFS"].includes(codeOf(error)) ? false : null;
  }
}

/** Sets when a file last changed, where this user may. Opens nothing. */
export function setModified(path: string, seconds: number): void {
  attempt(() => fileSystem().utimesSync(path, seconds, seconds), null);
}
