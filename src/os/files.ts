/**
 * The few file operations that the lock and the refusals stand on.
 *
 * Nothing here opens a database, its `-shm` or its `.lock`: closing such a
 * descriptor would drop every lock that this process has on that file
 * (https://sqlite.org/howtocorrupt.html, section 2.2).
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { facts } from "./look.ts";

/**
 * Makes `content` appear at `path`, whole and at once, unless something is
 * there already (then `false`).
 *
 * Create-then-write would leave an empty file for a moment, and for ever on a
 * full disk; `link(2)` has the semantics of O_EXCL and shows a finished file.
 */
export function publish(path: string, draft: string, content: string): boolean {
  const fs = fileSystem();
  try {
    fs.writeFileSync(draft, content, { flag: "wx" });
    try {
      fs.linkSync(draft, path);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      if (!NO_LINKS.includes(codeOf(error))) throw error;
    }
  } finally {
    remove(draft);
  }
  return publishWithoutLinks(path, content);
}

// What link(2) says on exFAT, FAT, some FUSE and SMB mounts, and Windows.
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR"];

function publishWithoutLinks(path: string, content: string): boolean {
  const fs = fileSystem();
  let file: number;
  try {
    file = fs.openSync(path, "wx");
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    fs.writeSync(file, content);
  } catch (error) {
    remove(path);
    throw error;
  } finally {
    fs.closeSync(file);
  }
  return true;
}

/**
 * The first 64 KiB of a regular file as text, or `null` for anything else: a
 * link is not followed and a FIFO does not hang.
 */
export function readSmall(path: string): string | null {
  const fs = fileSystem();
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    const found = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isFile()) return null;
    // Between the two calls it may have become something else.
    const file = fs.openSync(
      path,
      O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0),
    );
    try {
      // Not the size of before: another file may have been renamed to the path,
      // and of a longer PID the first digits are another's.
      const { size } = fs.fstatSync(file);
      const bytes = new Uint8Array(Math.min(size, 65536));
      const length = fs.readSync(file, bytes, 0, bytes.length, 0);
      return new TextDecoder().decode(bytes.subarray(0, length));
    } finally {
      fs.closeSync(file);
    }
  } catch {
    return null;
  }
}

/**
 * Whether this user may write to a file, or into a folder; `null` if that
 * cannot be known. Deno asks for permissions of its own, by other errors.
 */
export function canWrite(path: string): boolean | null {
  const fs = fileSystem();
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return true;
  } catch (error) {
    return ["EACCES", "EPERM", "EROFS"].includes(codeOf(error)) ? false : null;
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

/**
 * Removes a file, a link (never what it leads to) or an empty folder. Whether
 * the path is free now.
 */
export function remove(path: string): boolean {
  const fs = fileSystem();
  try {
    fs.unlinkSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
  }
  try {
    fs.rmdirSync(path);
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
export function settleAt(draft: string, path: string): boolean {
  const fs = fileSystem();
  try {
    fs.linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(codeOf(error))) throw error;
    if (facts(path) !== null) return false;
    fs.renameSync(draft, path);
    return true;
  }
  remove(draft);
  return true;
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}
