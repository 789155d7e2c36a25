/**
 * The kernel's own list of who holds which byte of a file.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import type { FileIdentity } from "./look.ts";
import { makeDevice, mountOf } from "./mounts.ts";
import { mayLookAround } from "./permissions.ts";
import { self } from "./process.ts";

/** One line of `/proc/locks` about a file. */
export interface KernelLock {
  pid: number;
  /** Whether it is a write lock: nobody else can have one on these bytes. */
  write: boolean;
  /** First and last byte. */
  first: number;
  last: number;
}

/**
 * The POSIX locks on a file, or `null` where the kernel does not show them to
 * us. Locks of a process outside our PID namespace are never shown (Linux,
 * fs/locks.c, `locks_show`).
 */
export function kernelLocks(file: FileIdentity): KernelLock[] | null {
  return kernelLocksOf([file])?.[0] ?? null;
}

// The first PID namespace of a Linux system (include/linux/proc_ns.h,
// PROC_PID_INIT_INO).
const INITIAL_NAMESPACE = "pid:[4026531836]";

/**
 * Whether the list is of all processes. From a container it is not, and then
 * nobody on it does not mean that there is nobody.
 */
export function listsEverybody(): boolean {
  return self().pidNamespace === INITIAL_NAMESPACE;
}

// The kernel gives its list a page at a time, and others lock and unlock
// between two pages: under load a lock that is held all the time was missing
// in a read of three pages every now and then.
const PAGE = 4096;
const READS = 4;

/**
 * The same for several files at one moment.
 *
 * @param most How often to read the list. While it is read, nobody on this
 * machine takes or frees a lock.
 */
export function kernelLocksOf(
  files: (FileIdentity | null)[],
  most: number = READS,
): KernelLock[][] | null {
  let table = lockTable();
  if (table === null) return null;
  const once = (text: string) =>
    files.map((file) => file === null ? [] : locksOn(file, text));
  let found = once(table);
  for (let reads = 1; reads < most && table.length >= PAGE; reads++) {
    table = lockTable() ?? "";
    const more = once(table);
    found = found.map((locks, i) => mergeLocks(locks, more[i] ?? []));
  }
  return found;
}

/**
 * All the locks of two reads. Where one of the earlier read excludes one of
 * the later, it is no more.
 */
export function mergeLocks(
  before: KernelLock[],
  now: KernelLock[],
): KernelLock[] {
  const missing = before.filter((old) =>
    !now.some((lock) => lock.pid === old.pid && overlap(lock, old)) &&
    !now.some((lock) => excludes(lock, old))
  );
  return [...now, ...missing];
}

function excludes(one: KernelLock, other: KernelLock): boolean {
  return (one.write || other.write) && overlap(one, other);
}

function overlap(one: KernelLock, other: KernelLock): boolean {
  return one.first <= other.last && other.first <= one.last;
}

function lockTable(): string | null {
  if (process.platform !== "linux" || !mayLookAround()) return null;
  try {
    return fileSystem().readFileSync("/proc/locks", "utf8");
  } catch {
    return null;
  }
}

function locksOn(file: FileIdentity, table: string): KernelLock[] {
  const exact: KernelLock[] = [];
  const elsewhere: { device: bigint; lock: KernelLock }[] = [];
  const ino = String(file.ino);
  for (const line of table.split("\n")) {
    if (!line.includes(`:${ino} `)) continue;
    const parsed = parseLine(line);
    if (parsed === null || parsed.ino !== ino) continue;
    const { device, lock } = parsed;
    if (device === file.dev) exact.push(lock);
    else elsewhere.push({ device, lock });
  }
  if (exact.length > 0 || elsewhere.length === 0) return exact;
  // btrfs tells stat(2) another device than it lists here. But two disks have
  // files of the same number too, so the mount must vouch for it.
  const device = file.path === undefined
    ? null
    : mountOf(file.path)?.device ?? null;
  return elsewhere
    .filter((line) => device === null || line.device === device)
    .map(({ lock }) => lock);
}

/**
 * The locks that a process has taken through one descriptor: of one file, so
 * the kernel gives them at once. None if it was closed meanwhile; `null` where
 * they are not shown: with every descriptor taken, the list cannot be opened,
 * and a lock that is held was said to be lost.
 */
export function locksOfDescriptor(
  pid: number,
  descriptor: string,
): KernelLock[] | null {
  try {
    const text = fileSystem()
      .readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, "utf8");
    return text.split("\n")
      .filter((line) => line.startsWith("lock:"))
      .map((line) => parseLine(line.slice("lock:".length).trim())?.lock)
      .filter((lock) => lock !== undefined)
      // In another PID namespace it has another number there.
      .map((lock) => ({ ...lock, pid }));
  } catch (error) {
    return (error as { code?: string }).code === "ENOENT" ? [] : null;
  }
}

/** `1: POSIX  ADVISORY  READ 4242 fe:00:2696004 128 128`. */
function parseLine(
  line: string,
): { device: bigint; ino: string; lock: KernelLock } | null {
  const [, kind, , access, pid, place, first, last] = line.split(/\s+/);
  const [major, minor, ino] = place?.split(":") ?? [];
  if (kind !== "POSIX" || ino === undefined) return null;
  return {
    device: makeDevice(BigInt(`0x${major}`), BigInt(`0x${minor}`)),
    ino,
    lock: {
      pid: Number(pid),
      write: access === "WRITE",
      first: Number(first),
      last: last === "EOF" ? Infinity : Number(last),
    },
  };
}

/** Whether a lock touches `byte`. */
export function covers({ first, last }: KernelLock, byte: number): boolean {
  return first <= byte && byte <= last;
}

/** PIDs with a lock that touches `byte`. */
export function holdersOf(
  locks: KernelLock[],
  byte: number,
  write: boolean,
): number[] {
  return locks
    .filter((lock) => lock.write === write || !write)
    .filter((lock) => covers(lock, byte))
    .map((lock) => lock.pid);
}
