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

/** The text of a file below `/proc`. */
export function readProc(name: string): string | null {
  if (process.platform !== "linux" || !mayReadProc()) return null;
  try {
    return fileSystem().readFileSync(`/proc/${name}`, "utf8");
  } catch {
    return null;
  }
}

/** What a link below `/proc` says. */
export function readProcLink(name: string): string | null {
  if (process.platform !== "linux" || !mayReadProc()) return null;
  try {
    return fileSystem().readlinkSync(`/proc/${name}`);
  } catch {
    return null;
  }
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

/** A process by `/proc/<pid>/stat`. */
export interface ProcessStat {
  /** proc_pid_stat(5): `T` is stopped, `Z` a zombie. */
  state: string;
  ppid: number;
  /** Start time in clock ticks since boot: PIDs are reused, this is not. */
  startToken: string;
}

/** A process; `null` if there is none, or it is not shown. */
export function processStat(pid: number | "self"): ProcessStat | null {
  if (pid !== "self" && !showsOthers()) return null;
  const text = readProc(`${pid}/stat`);
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

/** A POSIX lock, by `/proc/locks` or `/proc/<pid>/fdinfo`. */
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
export function locksOn(file: FileIdentity): KernelLock[] | null {
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

function parseTable(file: FileIdentity, table: string): KernelLock[] {
  const exact: KernelLock[] = [];
  const elsewhere: { device: bigint; lock: KernelLock }[] = [];
  for (const line of table.split("\n")) {
    if (!line.includes(`:${file.ino} `)) continue;
    const parsed = parseLock(line);
    if (parsed === null || parsed.ino !== String(file.ino)) continue;
    if (parsed.device === file.dev) exact.push(parsed.lock);
    else elsewhere.push(parsed);
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

/** `1: POSIX  ADVISORY  READ 4242 fe:00:2696004 128 128`. */
function parseLock(
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

/** PIDs with a lock that touches `byte`; for `write` with a write lock. */
export function pidsAt(
  locks: readonly KernelLock[],
  byte: number,
  write = false,
): number[] {
  return [
    ...new Set(
      locks
        .filter((lock) => (lock.write || !write) && covers(lock, byte))
        .map(({ pid }) => pid),
    ),
  ];
}

/**
 * The locks of one process on a file, by its descriptors: whole, where
 * `/proc/locks` may miss one. `null` where one descriptor is not shown.
 */
export function locksOfProcess(
  pid: number,
  file: FileIdentity,
): KernelLock[] | null {
  const found: KernelLock[] = [];
  for (const locks of locksByDescriptor(pid, file)) {
    if (locks === null) return null;
    found.push(...locks);
  }
  return found;
}

/**
 * Whether this process has a lock on `byte` of the file. Descriptors behind
 * the one that has it are not looked at: to look at 10 000 took 28 to 84 ms.
 */
export function hasOwnLock(file: FileIdentity, byte: number): boolean | null {
  let isWhole = true;
  for (const locks of locksByDescriptor(process.pid, file)) {
    if (locks === null) isWhole = false;
    else if (locks.some((lock) => covers(lock, byte))) return true;
  }
  return isWhole ? false : null;
}

/**
 * What each descriptor of a file lists. A lock belongs to the process, but is
 * listed at the descriptor that took it alone (fs/locks.c, `__show_fd_locks`).
 */
function* locksByDescriptor(
  pid: number,
  file: FileIdentity,
): Generator<KernelLock[] | null> {
  const descriptors = showsOthers() ? descriptorsOf(pid) : null;
  if (descriptors === null) return yield null;
  for (const name of descriptors) {
    const open = openFile(pid, name);
    if (open === null) yield null;
    if (open?.ino !== file.ino || open.dev !== file.dev) continue;
    // With every descriptor taken it cannot be opened, and a lock that is held
    // was said to be lost.
    const text = readProc(`${pid}/fdinfo/${name}`);
    if (text === null) yield openFile(pid, name) === undefined ? [] : null;
    else {
      yield text.split("\n")
        .filter((line) => line.startsWith("lock:"))
        .flatMap((line) => parseLock(line.slice(5).trim())?.lock ?? [])
        // In another PID namespace it has another number there.
        .map((lock) => ({ ...lock, pid }));
    }
  }
}

/** The numbers of a process's open descriptors. */
export function descriptorsOf(pid: number | "self"): string[] | null {
  if (process.platform !== "linux" || !mayReadProc()) return null;
  try {
    return fileSystem().readdirSync(`/proc/${pid}/fd`);
  } catch {
    return null;
  }
}

/**
 * What a descriptor leads to, whatever its link says: a file may have been
 * renamed or deleted. `undefined` if it is closed, `null` if it is not shown.
 */
export function openFile(
  pid: number | "self",
  descriptor: string,
): FileIdentity | null | undefined {
  try {
    return fileSystem().statSync(`/proc/${pid}/fd/${descriptor}`, {
      bigint: true,
      throwIfNoEntry: false,
    });
  } catch {
    return null;
  }
}

/** One mount. */
export interface Mount {
  folder: string;
  /** Such as `ext4`, `nfs4` or `fuse.sshfs`. */
  type: string;
  /** The device that `/proc/locks` lists for its files. */
  device: bigint;
  readOnly: boolean;
}

/** The mount that an absolute path without symbolic links is on. */
export function mountOf(path: string): Mount | null {
  let best: Mount | null = null;
  for (const line of readProc("self/mountinfo")?.split("\n") ?? []) {
    const mount = parseMount(line);
    if (mount === null || !isInside(path, mount.folder)) continue;
    // A later mount on the same folder hides the earlier one.
    if (best === null || mount.folder.length >= best.folder.length) {
      best = mount;
    }
  }
  return best;
}

/** Whether a file is a mount of its own: its folder is another one's then. */
export function isMountPoint(path: string): boolean {
  const escaped = path.replace(
    /[\\ \t\n]/g,
    (mark) => `\\${mark.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return readProc("self/mountinfo")?.includes(` ${escaped} `) ?? false;
}

/** proc_pid_mountinfo(5). */
function parseMount(line: string): Mount | null {
  const [left, right] = line.split(" - ");
  const [, , device, , folder, options] = left?.split(" ") ?? [];
  const type = right?.split(" ")[0];
  const [, major, minor] = /^(\d+):(\d+)$/.exec(device ?? "") ?? [];
  if (folder === undefined || type === undefined || minor === undefined) {
    return null;
  }
  return {
    folder: folder.replace(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)),
    ),
    type,
    device: makeDevice(BigInt(major ?? 0), BigInt(minor)),
    readOnly: options?.split(",").includes("ro") ?? false,
  };
}

/** makedev(3), of the two numbers that the kernel prints. */
function makeDevice(major: bigint, minor: bigint): bigint {
  return (minor & 0xffn) | ((major & 0xfffn) << 8n) |
    ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);
}

function isInside(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}
