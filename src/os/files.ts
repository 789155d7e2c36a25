/**
 * What locks, pidfiles and backups do to files. Nothing here may open what
 * SQLite has open: to close it would drop every lock that this process has on
 * it (https://sqlite.org/howtocorrupt.html, section 2.2).
 */

import type fs from "node:fs";
import { attempt, failureOf, fileSystem, isGranted } from "./builtin.ts";
import { sleepSync } from "./clock.ts";
import { type Location, partsOf } from "./paths.ts";
import { type FileStat, isPosix, lstat, stat } from "./stat.ts";

/** Rights that a new file gets. */
export type Rights = Pick<FileStat, "uid" | "gid"> & { mode?: number };

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
  const failure = failureOf(() => {
    create(draft, content, rights);
    fileSystem().linkSync(draft, path);
  });
  remove(draft);
  // exFAT, SMB, some FUSE mounts, and Node without the permission have no
  // links. And the longer name of a draft may be too long.
  return failure === null || create(path, content, rights);
}

/** Creates a file; `false` if something is there. Leaves nothing half done. */
export function create(
  path: string,
  content: string,
  rights: Rights | null,
): boolean {
  let isOurs = false;
  try {
    withFile(path, "wx", (file, by) => {
      isOurs = true;
      if (rights !== null) {
        // As SQLite does it for `-wal` and `-shm` (os_unix.c, findCreateFileMode):
        // under umask 077, or after one run with sudo, everybody else was locked
        // out. By the descriptor, as a path could have become a link meanwhile;
        // and some filesystems have no owners or modes.
        const { mode, uid, gid } = rights;
        attempt(() => by.fchownSync(file, isRoot() ? uid : -1, gid), null);
        if (mode) attempt(() => by.fchmodSync(file, mode & 0o666), null);
      }
      if (content !== "") by.writeSync(file, content);
      // Node may forbid fchmod(), and then it stays at what the umask left.
    }, (rights?.mode ?? 0o666) & 0o666);
    return true;
  } catch (error) {
    if (isOurs) remove(path);
    else if ((error as { code?: string }).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * What files beside a target get: its rights; before it exists, what the folder
 * gives to a group (setgid), and as root the owner of the folder.
 */
export function rightsFor({ path, folder }: Location): Rights | null {
  const found = stat(path);
  // Who may not write to a lock file never has it exclusively.
  if (found !== null) return { ...found, mode: found.mode | 0o200 };
  const parent = stat(folder);
  if (parent === null || parent.mode & 0o2000) return parent;
  return isRoot() ? { uid: parent.uid, gid: parent.gid } : null;
}

/**
 * Makes a new database for the owner of its folder where root opens it first:
 * one run with sudo locked its user out. Its mode is what the umask leaves.
 */
export function createForOwner(path: string, draft: string): void {
  const { uid = 0, gid = 0 } = stat(partsOf(path).folder) ?? {};
  if (uid === 0 || !isRoot()) return;
  // If it fails, SQLite's own try will say why.
  attempt(() => publish(path, draft, "", { uid, gid }), false);
}

/** Whether this user may give files away. */
function isRoot(): boolean {
  return isGranted({ name: "sys" }) && process.getuid?.() === 0;
}

export function withFile<T>(
  path: string,
  flags: string | number,
  use: (file: number, by: typeof fs) => T,
  mode?: number,
): T {
  const fs = fileSystem();
  const file = fs.openSync(path, flags, mode);
  try {
    return use(file, fs);
  } finally {
    fs.closeSync(file);
  }
}

/** Text of an open file. Among the globals of jsdom is no TextDecoder. */
export function textAt(file: number, length: number, at: number): string {
  const { Buffer } = process.getBuiltinModule("node:buffer");
  const bytes = Buffer.allocUnsafe(length);
  const got = fileSystem().readSync(file, bytes, 0, length, at);
  return bytes.toString("utf8", 0, got);
}

/**
 * The first 64 KiB of a regular file as text, or `null` for anything else: a
 * link is not followed and a FIFO does not hang, also if it came just now.
 *
 * @param mayRead Asked with the size in bytes.
 */
export function readSmall(
  path: string,
  mayRead: (size: number) => boolean = () => true,
): string | null {
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fileSystem().constants;
  return attempt(() => {
    const { kind, size = 0 } = lstat(path) ?? {};
    if (kind !== "file" || !mayRead(size)) return null;
    if (size === 0) return "";
    const flags = O_NOFOLLOW | O_NONBLOCK;
    return withFile(path, flags, (file) => textAt(file, 65536, 0));
  }, null);
}

/** Names in `folder` that begin with `prefix`; none if it cannot be listed. */
export function namesIn(folder: string, prefix: string): string[] {
  return attempt(() => fileSystem().readdirSync(folder), [])
    .filter((name) => name.startsWith(prefix));
}

/** Removes a file, or a link and not what it leads to. Whether it is gone. */
export function remove(path: string): boolean {
  for (let tries = 0;; tries++) {
    const failure = failureOf(() => fileSystem().unlinkSync(path));
    if (failure === null || failure === "ENOENT") return true;
    // A scanner that has it open keeps it there.
    if (isPosix() || tries === 9) return false;
    sleepSync(10);
  }
}

/** Moves `draft` to `path` unless something is there already. */
export function moveTo(draft: string, path: string): boolean {
  const fs = fileSystem();
  if (failureOf(() => fs.linkSync(draft, path)) === null) remove(draft);
  else if (lstat(path) !== null) return false;
  else fs.renameSync(draft, path);
  return true;
}

/** Why no further file can be opened; `null` if one can. */
export function whyNoDescriptor(): string | null {
  if (!isGranted({ name: "read" })) return null;
  const failure = failureOf(() => withFile("/", "r", () => {}));
  if (failure !== "EMFILE" && failure !== "ENFILE") return null;
  return `this process has too many open files (${failure}); close some, or ` +
    "raise the limit (ulimit -n)";
}

/** Whether this user may write to a file or folder; `null` if unknown. */
export function canWrite(path: string): boolean | null {
  if (!isGranted({ name: "sys" })) return null;
  const fs = fileSystem();
  const failure = failureOf(() => fs.accessSync(path, fs.constants.W_OK));
  if (failure === null) return true;
  // Deno takes root and those of the group for anybody.
  const found = "Deno" in globalThis ? stat(path) : null;
  const own = process.getuid?.();
  const isTheirs = found && found.uid !== own;
  if (isTheirs && (own === 0 || found.mode & 0o020)) return null;
  return ["EACCES", "EPERM", "EROFS"].includes(failure) ? false : null;
}

/** Sets when a file last changed, where this user may. Opens nothing. */
export function setModified(path: string, seconds: number): void {
  attempt(() => fileSystem().lutimesSync(path, seconds, seconds), null);
}
