/**
 * All that is read below `/proc`: processes, their locks, mounts. Evidence for
 * messages and for clearing litter; who holds a lock, the kernel decides.
 *
 * Everything answers `null` where it is not shown: on another system, in Deno
 * without `--allow-all`, or where `/proc` is that of another PID namespace.
 *
 * @module
 */

import { programOf } from "../printable.ts";
import { fileSystem } from "./builtin.ts";
import { mayReadProc } from "./permissions.ts";
import type { FileIdentity } from "./stat.ts";

function ask<T>(path: string, read: (path: string) => T): T | null {
  if (process.platform !== "linux" || !mayReadProc()) return null;
  try {
    return read(`/proc/${path}`);
  } catch {
    return null;
  }
}

/** The text of a file below `/proc`. */
export function readProc(path: string): string | null {
  return ask(path, (whole) => fileSystem().readFileSync(whole, "utf8"));
}

/** What a link below `/proc` says. */
export function readProcLink(path: string): string | null {
  return ask(path, (whole) => fileSystem().readlinkSync(whole));
}

/** The numbers of a process's open descriptors. */
export function descriptorsOf(pid: number | "self"): string[] | null {
  return ask(`${pid}/fd`, (whole) => fileSystem().readdirSync(whole));
}

/** Whether this process has a file open at that path. */
export function isOpenHere(path: string): boolean | null {
  return descriptorsOf("self")
    ?.some((name) => readProcLink(`self/fd/${name}`) === path) ?? null;
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

/** A process by proc_pid_stat(5). */
export interface ProcessStat {
  /** `T` is stopped, `Z` a zombie. */
  state: string;
  ppid: number;
  /** Start time in clock ticks since boot: PIDs are reused, this is not. */
  startToken: string;
}

/** A process; `null` if there is none, or it is not shown. */
export function processStat(pid: number | "self"): ProcessStat | null {
  const text = pid === "self" || showsOthers() ? readProc(`${pid}/stat`) : null;
  if (text === null) return null;
  // "(comm)" may hold spaces and parentheses, so the fields are counted from
  // its end: state is the first, ppid the second, starttime the twentieth.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", ppid = "0"] = fields;
  return { state, ppid: Number(ppid), startToken: fields[19] ?? "" };
}

/** Program and script of a process. */
export function commandOf(pid: number): string | null {
  const text = showsOthers() ? readProc(`${pid}/cmdline`) : null;
  const words = text?.split("\0").filter((word) => word !== "") ?? [];
  return words.length === 0 ? null : programOf(words);
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

// The first PID namespace of a Linux system (include/linux/proc_ns.h,
// PROC_PID_INIT_INO).
const INITIAL_NAMESPACE = "pid:[4026531836]";

/**
 * Whether `/proc/locks` has the locks of all processes. From a container it has
 * not (fs/locks.c, `locks_show`), and nobody on it does not mean nobody.
 */
export function listsEverybody(): boolean {
  return readProcLink("self/ns/pid") === INITIAL_NAMESPACE;
}

// The kernel gives the list a page at a time, and others lock and unlock
// between two pages: a lock that was held all the time was missing in 6 of
// 3000 reads, up to four in a row.
const PAGE = 4096;
const READS = 4;

/** The locks on a file. */
export function locksOn(file: FileIdentity | null): KernelLock[] | null {
  return locksOnEach([file])?.[0] ?? null;
}

/**
 * The same for several files at one moment.
 *
 * @param most How often to read the list. While it is read, nobody on this
 * machine takes or frees a lock.
 */
export function locksOnEach(
  files: readonly (FileIdentity | null)[],
  most: number = READS,
): KernelLock[][] | null {
  const table = showsOthers() ? readProc("locks") : null;
  if (table === null) return null;
  const parse = (text: string) =>
    files.map((file) => file === null ? [] : parseTable(file, text));
  let found = parse(table);
  for (let reads = 1; reads < most && table.length >= PAGE; reads++) {
    const more = parse(readProc("locks") ?? "");
    found = found.map((locks, i) => mergeLocks(locks, more[i] ?? []));
  }
  return found;
}

/**
 * All the locks of two reads. One of the earlier read that is excluded by one
 * of the later is no more.
 */
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

/** `1: POSIX  ADVISORY  READ 4242 fe:00:2696004 128 128`. */
const LOCK =
  /^\d+: POSIX +\S+ +(READ|WRITE) +(\d+) +(\w+):(\w+):(\d+) (\d+) (\d+|EOF)$/gm;

function parseTable(file: FileIdentity, table: string): KernelLock[] {
  const found = [...table.matchAll(LOCK)]
    .filter(([, , , , , ino]) => ino === String(file.ino))
    .map(([, access, pid, major, minor, , first, last]) => ({
      device: makeDevice(parseInt(major ?? "", 16), parseInt(minor ?? "", 16)),
      lock: {
        pid: Number(pid),
        write: access === "WRITE",
        first: Number(first),
        last: last === "EOF" ? Infinity : Number(last),
      },
    }));
  const exact = found.filter(({ device }) => device === file.dev);
  if (exact.length > 0 || found.length === 0) {
    return exact.map(({ lock }) => lock);
  }
  // btrfs tells stat(2) another device than it lists here. But two disks have
  // files of the same number too, so the mount must vouch for it.
  const device = file.path === undefined ? null : deviceOfMount(file.path);
  return found.filter((one) => device === null || one.device === device)
    .map(({ lock }) => lock);
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

/** The device of the mount that an absolute path is on. */
function deviceOfMount(path: string): bigint | null {
  let best = "";
  let device: bigint | null = null;
  for (const line of readProc("self/mountinfo")?.split("\n") ?? []) {
    const [, , numbers = "", , escaped = ""] = line.split(" ");
    const folder = escaped.replace(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isInside = path === folder || folder === "/" ||
      path.startsWith(`${folder}/`);
    // A later mount on the same folder hides the earlier one.
    if (folder === "" || !isInside || folder.length < best.length) continue;
    const [major, minor] = numbers.split(":").map(Number);
    best = folder;
    device = makeDevice(major ?? 0, minor ?? 0);
  }
  return device;
}

/** Whether a file is a mount of its own: its folder is another one's then. */
export function isMountPoint(path: string): boolean {
  const escaped = path.replace(
    /[\\ \t\n]/g,
    (mark) => `\\${mark.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return readProc("self/mountinfo")?.includes(` ${escaped} `) ?? false;
}

/** makedev(3), of the two numbers that the kernel prints. */
function makeDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) |
    ((high & ~0xfffn) << 32n);
}
