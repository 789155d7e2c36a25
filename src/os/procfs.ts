/**
 * All that is read below `/proc`: evidence for messages and for clearing
 * litter; who holds a lock, the kernel decides. The answer is `null` on another
 * system, in Deno without `--allow-all`, and of processes where `/proc` is that
 * of another PID namespace.
 */

import { programOf } from "../printable.ts";
import { attempt, fileSystem, mayReadProc } from "./builtin.ts";
import { textAt, withFile } from "./files.ts";
import { type FileIdentity, identityOf } from "./stat.ts";

function ask<T>(path: string, read: (path: string) => T): T | null {
  if (process.platform !== "linux" || !mayReadProc()) return null;
  return attempt(() => read(`/proc/${path}`), null);
}

export function readProc(path: string): string | null {
  return ask(path, (whole) => fileSystem().readFileSync(whole, "utf8"));
}

export function readProcLink(path: string): string | null {
  return ask(path, (whole) => fileSystem().readlinkSync(whole));
}

/** The numbers of a process's open descriptors. */
export function descriptorsOf(pid: number | "self"): string[] | null {
  return ask(`${pid}/fd`, (whole) => fileSystem().readdirSync(whole));
}

/** The paths of all that a process has open. */
export function openPaths(pid: number | "self"): string[] | null {
  return descriptorsOf(pid)
    ?.map((name) => readProcLink(`${pid}/fd/${name}`) ?? "") ?? null;
}

/** The descriptors at which this process has a file open. */
export function descriptorsOn(identity: string | null): string[] | null {
  return identity === null
    ? null
    : descriptorsOf("self")?.filter((name) =>
      attempt(() => identityOf(`/proc/self/fd/${name}`, true), null) ===
        identity
    ) ?? null;
}

let ownNumbers: boolean | undefined;

/**
 * Whether other processes can be found by their PIDs. After `unshare --pid`
 * without a mount of its own `/proc` has those of the outer namespace, and
 * told a holder of itself that it was dead.
 */
export function showsOthers(): boolean {
  return ownNumbers ??= readProcLink("self") === String(process.pid);
}

/**
 * A process by proc_pid_stat(5); `null` if there is none, or it is not shown.
 *
 * @returns The state, of which `T` is stopped and `Z` a zombie, and as token the
 * start time in clock ticks since boot: PIDs are reused, this is not.
 */
export function processStat(
  pid: number,
): { state: string; ppid: number; startToken: string } | null {
  const isSelf = pid === process.pid;
  const text = isSelf || showsOthers()
    ? readProc(`${isSelf ? "self" : pid}/stat`)
    : null;
  if (text === null) return null;
  // "(comm)" may hold spaces and parentheses: the fields are counted after it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", ppid = "0"] = fields;
  return { state, ppid: Number(ppid), startToken: fields[19] ?? "" };
}

/** Program and script of a process. */
export function commandOf(pid: number): string | null {
  const text = showsOthers() ? readProc(`${pid}/cmdline`) : null;
  return text ? programOf(text.split("\0").filter((word) => word)) : null;
}

/** A POSIX lock on a file. */
export interface KernelLock {
  pid: number;
  /** Whether it is a write lock: nobody else can have one on these bytes. */
  write: boolean;
  /** First and last byte. */
  first: number;
  last: number;
}

/**
 * Whether `/proc/locks` has the locks of all processes. From a container it has
 * not (fs/locks.c, `locks_show`), and nobody on it does not mean nobody.
 */
export function listsEverybody(): boolean {
  // The first PID namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO).
  return readProcLink("self/ns/pid") === "pid:[4026531836]";
}

export function locksOn(file: FileIdentity | null): KernelLock[] | null {
  return locksOnEach([file])?.[0] ?? null;
}

/** The locks on several files at one moment. */
export function locksOnEach(
  files: readonly (FileIdentity | null)[],
): KernelLock[][] | null {
  const pages = showsOthers() ? ask("locks", overlappingPages) : null;
  return pages &&
    files.map((file) =>
      pages.map((locks) => file === null ? [] : locksIn(locks, file))
        .reduce(mergeLocks, [])
    );
}

const HALF_PAGE = 2048;

/**
 * The kernel gives the list a page at a time, and others lock between two pages:
 * at the seam a lock that was held all the time was missing in 1 of 100 reads.
 * So each page begins in the middle of the one before it. While one is read,
 * nobody on this machine takes or frees a lock.
 */
function overlappingPages(path: string): ListedLock[][] {
  return withFile(path, "r", (file) => {
    const pages: string[] = [];
    for (;;) {
      const text = textAt(file, 8192, pages.length * HALF_PAGE);
      if (text === "") return pages.map(parse);
      pages.push(text);
    }
  });
}

/** All of two reads. What a lock of the later one excludes is no more. */
export function mergeLocks(
  before: KernelLock[],
  now: KernelLock[],
): KernelLock[] {
  const missing = before.filter((old) =>
    !now.some((lock) =>
      lock.first <= old.last && old.first <= lock.last &&
      (lock.pid === old.pid || lock.write || old.write)
    )
  );
  return [...now, ...missing];
}

/** One on the list; device and inode as {@linkcode Mount} and stat(2) tell. */
type ListedLock = KernelLock & { device: string; inode: string };

const LOCK =
  /^(?:lock:\s+)?\d+: POSIX .* (READ|WRITE) +(\d+) (\w+):(\w+):(\d+) (\d+) (\d+|EOF)\n/gm;

/** `1: POSIX  ADVISORY  READ 4242 fe:00:2696004 128 128`, whole lines only. */
function parse(text: string): ListedLock[] {
  return [...text.matchAll(LOCK)].map((
    [, access, pid, major, minor, inode = "", first, last],
  ) => ({
    pid: Number(pid),
    device: `${Number(`0x${major}`)}:${Number(`0x${minor}`)}`,
    inode,
    write: access === "WRITE",
    first: Number(first),
    last: last === "EOF" ? Infinity : Number(last),
  }));
}

function locksIn(locks: ListedLock[], file: FileIdentity): KernelLock[] {
  const [dev, ino] = file.identity.split(":");
  const found = locks.filter(({ inode }) => inode === ino);
  const on = (wanted: string) =>
    found.filter(({ device }) => device === wanted);
  const own = on(deviceOf(Number(dev)));
  if (own.length > 0 || found.length === 0) return own;
  // btrfs tells stat(2) another device than it lists here. But two disks have
  // files of the same number too, so the mount must vouch for it.
  const mount = file.path === undefined ? null : mountOf(file.path);
  return mount === null ? found : on(mount.device);
}

/**
 * The locks that are listed at a descriptor; `null` if it is not shown. A lock
 * belongs to the process, but is listed at the descriptor that took it alone
 * (fs/locks.c, `__show_fd_locks`). In another PID namespace the process has
 * another number in these lines.
 */
export function locksAt(
  pid: number | "self",
  descriptor: string,
): KernelLock[] | null {
  const text = readProc(`${pid}/fdinfo/${descriptor}`);
  if (text === null) return null;
  const own = pid === "self" ? process.pid : pid;
  return parse(text).map((lock) => ({ ...lock, pid: own }));
}

/** PIDs with a lock that touches `byte`; for `write` with a write lock. */
export function pidsAt(
  locks: readonly KernelLock[],
  byte: number,
  write = false,
): number[] {
  const found = locks.filter((lock) =>
    (lock.write || !write) && lock.first <= byte && byte <= lock.last
  );
  return [...new Set(found.map(({ pid }) => pid))];
}

/** A filesystem in the tree of folders. */
export interface Mount {
  folder: string;
  /** Such as `ext4`, `nfs4` or `fuse.sshfs`. */
  type: string;
  readOnly: boolean;
  /** `major:minor` in decimal. */
  device: string;
}

/** The mount that an absolute path is on, by proc_pid_mountinfo(5). */
export function mountOf(path: string): Mount | null {
  let best: Mount | null = null;
  for (const line of readProc("self/mountinfo")?.split("\n") ?? []) {
    const [, , device = "", , escaped = "", options = ""] = line.split(" ");
    const folder = escaped.replace(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isInside = folder === "/" || `${path}/`.startsWith(`${folder}/`);
    // A later mount on the same folder hides the earlier one.
    if (!isInside || folder.length < (best?.folder.length ?? 1)) continue;
    best = {
      folder,
      type: / - (\S+)/.exec(line)?.[1] ?? "",
      readOnly: options.split(",").includes("ro"),
      device,
    };
  }
  return best;
}

/** The same of the number that stat(2) gives (kdev_t.h, new_encode_dev). */
function deviceOf(dev: number): string {
  return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
}
