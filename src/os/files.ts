/**
 * The file operations that the lock and the pidfiles need.
 *
 * Nothing here opens a database, its `-wal`, `-shm` or `.lock`: closing such a
 * descriptor would drop every lock that this process has on that file
 * (https://sqlite.org/howtocorrupt.html, section 2.2).
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { isGranted } from "./permissions.ts";
import { type FileStat, lstat } from "./stat.ts";

/** Rights that a new file gets. */
export type Rights = Pick<FileStat, "mode" | "uid" | "gid">;

/**
 * Makes `content` appear at `path`, whole and at once, unless something is
 * there already (then `false`).
 *
 * Create-then-write would leave an empty file for a moment, and for ever on a
 * full disk; `link(2)` has the semantics of O_EXCL and shows a finished file.
 *
 * @param rights Whose rights it gets; by default those of any new file.
 */
export function publish(
  path: string,
  draft: string,
  content: string,
  rights: Rights | null = null,
): boolean {
  const fs = fileSystem();
  try {
    create(draft, content, rights);
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(codeOf(error))) throw error;
  } finally {
    remove(draft);
  }
  return create(path, content, rights);
}

// What link(2) says on exFAT, FAT, some FUSE and SMB mounts, on Windows, and
// in Node without the permission for links; and for the longer name of a draft.
const NO_LINKS = [
  "ENAMETOOLONG",
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EISDIR",
  "ERR_ACCESS_DENIED",
];

/** Creates a file; `false` if something is there. Leaves nothing half done. */
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
    if (rights !== null) give(file, rights);
    if (content !== "") fs.writeSync(file, content);
  } catch (error) {
    remove(path);
    throw error;
  } finally {
    fs.closeSync(file);
  }
  return true;
}

/** Whether this user may give files away. */
export function isRoot(): boolean {
  return isGranted({ name: "sys" }) && process.getuid?.() === 0;
}

/**
 * As SQLite does it for `-wal` and `-shm` (os_unix.c, findCreateFileMode): the
 * mode of the database, and as root its owner. Under umask 077, or after one
 * run with sudo, everybody else was locked out.
 */
function give(file: number, { mode, uid, gid }: Rights): void {
  const fs = fileSystem();
  try {
    // By its descriptor: a path could have become a link meanwhile.
    if (isRoot()) fs.fchownSync(file, uid, gid);
    fs.fchmodSync(file, mode & 0o666);
  } catch {
    // Some filesystems have no owners or modes.
  }
}

/**
 * The first 64 KiB of a regular file as text, or `null` for anything else: a
 * link is not followed and a FIFO does not hang.
 */
export function readSmall(path: string): string | null {
  const fs = fileSystem();
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    if (!fs.lstatSync(path, { throwIfNoEntry: false })?.isFile()) return null;
    // Between the two calls it may have become something else.
    const file = fs.openSync(
      path,
      O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0),
    );
    try {
      // By the descriptor: another file may have been renamed to the path, and
      // of a longer PID the first digits are another's.
      const bytes = new Uint8Array(Math.min(fs.fstatSync(file).size, 65536));
      const length = fs.readSync(file, bytes, 0, bytes.length, 0);
      return new TextDecoder().decode(bytes.subarray(0, length));
    } finally {
      fs.closeSync(file);
    }
  } catch {
    return null;
  }
}

/** Names in `folder` that begin with `prefix`; none if it cannot be listed. */
export function namesIn(folder: string, prefix: string): string[] {
  try {
    return fileSystem().readdirSync(folder)
      .filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
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
  const fs = fileSystem();
  const file = fs.openSync(path, "r+");
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Moves `draft` to `path` unless something is there already. */
export function moveTo(draft: string, path: string): boolean {
  const fs = fileSystem();
  try {
    fs.linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(codeOf(error))) throw error;
    if (lstat(path) !== null) return false;
    fs.renameSync(draft, path);
    return true;
  }
  remove(draft);
  return true;
}

/** Whether another file can be opened; the error's code if not. */
export function whyNoDescriptor(): string | null {
  try {
    const fs = fileSystem();
    fs.closeSync(fs.openSync(process.platform === "win32" ? "NUL" : "/", "r"));
    return null;
  } catch (error) {
    const code = codeOf(error);
    return code === "EMFILE" || code === "ENFILE" ? code : null;
  }
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
  try {
    fileSystem().utimesSync(path, seconds, seconds);
  } catch {
    // It belongs to somebody else.
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code);
}
