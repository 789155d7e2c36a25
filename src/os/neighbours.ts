/**
 * Other processes, as `/proc` shows them.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { facts, type FileIdentity } from "./look.ts";
import { mayLookAround, mayReadProc } from "./permissions.ts";

/** What is known about a running process without asking it. */
export interface Neighbour {
  /** The PID of its parent now; whoever inherits orphans has another one. */
  ppid: number | null;
  /** Its command line in one line. */
  command: string | null;
}

/** A file that some process has open by one descriptor; it may have more. */
export interface OpenedFile {
  pid: number;
  /** Where the process opened it. */
  path: string;
  /** Whether nothing, or something else, is there now. */
  deleted: boolean;
  /** The number of the descriptor. */
  descriptor: string;
}

/** Why other processes cannot be looked at; `null` if they can. */
export function blindness(): string | null {
  if (process.platform !== "linux") {
    return `there is no /proc on ${process.platform}`;
  }
  if (!mayReadProc()) return "Deno shows /proc only with --allow-all";
  if (!mayLookAround()) return "/proc has the PIDs of another PID namespace";
  try {
    fileSystem().accessSync("/proc/locks", fileSystem().constants.R_OK);
    return null;
  } catch {
    return "/proc/locks cannot be read here";
  }
}

/** Describes a running process; every fact is `null` where it is not shown. */
export function neighbour(pid: number): Neighbour {
  const stat = read(pid, "stat");
  // proc_pid_stat(5): the name in parentheses may hold anything, so the
  // fields are counted from its end: state is the first, ppid the second.
  const ppid = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  const words = read(pid, "cmdline")?.split("\0").filter((word) => word !== "");
  return {
    ppid: ppid === undefined ? null : Number(ppid),
    command: words === undefined || words.length === 0
      ? null
      : printable(words.join(" ")),
  };
}

/** A command line without folders and flags, of a length for a sentence. */
export function brief(command: string): string {
  const words = command.split(" ")
    .filter((word) => !word.startsWith("--"))
    .map((word) =>
      word.startsWith("/") ? word.slice(word.lastIndexOf("/") + 1) : word
    ).join(" ");
  return words.length <= 60 ? words : `${words.slice(0, 59)}…`;
}

/** What the main thread of a process does at this moment. */
export interface Doing {
  /** It runs, naps as SQLite's busy handler does, or waits for something. */
  state: "runs" | "naps" | "waits";
  /** How often it has slept since it began. */
  sleeps: number;
}

/**
 * What the main thread of a process does; `null` if that is not shown.
 * JavaScript runtimes wait for events by other calls than SQLite naps.
 */
export function doingOf(pid: number): Doing | null {
  const before = read(pid, "status");
  const where = read(pid, "wchan");
  const after = read(pid, "status");
  const sleeps = Number(
    /^voluntary_ctxt_switches:\s*(\d+)/m.exec(after ?? "")?.[1] ?? Number.NaN,
  );
  if (where === null || Number.isNaN(sleeps)) return null;
  // Only who slept before and after was where we saw it; and who waits inside
  // the kernel for its turn to lock a file is about to do so.
  const calm = [before, after].every((status) =>
    /^State:\s*S/m.test(status ?? "")
  );
  if (!calm || where.includes("rwsem")) return { state: "runs", sleeps };
  // Not for us to know.
  if (where === "0" || where === "") return null;
  return { state: where.includes("nanosleep") ? "naps" : "waits", sleeps };
}

/**
 * Which of `paths` each process has open, by the links in `/proc/<pid>/fd`:
 * every descriptor, for a lock is listed at the one that took it alone.
 *
 * @param paths Absolute, without symbolic links.
 * @returns `unseen` counts the processes that may not be looked into; `null`
 * where there is nothing to look at.
 */
export function openedFiles(
  paths: string[],
): { files: OpenedFile[]; unseen: number } | null {
  if (blindness() !== null) return null;
  const fs = fileSystem();
  const wanted = new Map(
    paths.flatMap((path) => [
      [path, { path, deleted: false }],
      [`${path} (deleted)`, { path, deleted: true }],
    ]),
  );
  const files: OpenedFile[] = [];
  let unseen = 0;
  for (const name of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const folder = `/proc/${name}/fd`;
    let links: string[];
    try {
      links = fs.readdirSync(folder);
    } catch (error) {
      // It may have ended just now.
      if ((error as { code?: string }).code !== "ENOENT") unseen++;
      continue;
    }
    const pid = Number(name);
    for (const descriptor of links) {
      const found = wanted.get(target(`${folder}/${descriptor}`));
      if (found !== undefined) files.push({ pid, ...found, descriptor });
    }
  }
  return { files, unseen };
}

/**
 * How often this very process, any library of it included, has a file open;
 * `null` if that cannot be known.
 */
export function timesOpenHere(file: FileIdentity): number | null {
  if (blindness() !== null) return null;
  const fs = fileSystem();
  try {
    return fs.readdirSync("/proc/self/fd").filter((name) => {
      const link = `/proc/self/fd/${name}`;
      if (!target(link).startsWith("/")) return false;
      const found = follow(link);
      return found?.dev === file.dev && found.ino === file.ino;
    }).length;
  } catch {
    return null;
  }
}

function follow(link: string): FileIdentity | null {
  try {
    return facts(link);
  } catch {
    return null;
  }
}

function target(link: string): string {
  try {
    return fileSystem().readlinkSync(link);
  } catch {
    return "";
  }
}

function read(pid: number, name: string): string | null {
  if (process.platform !== "linux" || !mayLookAround()) return null;
  try {
    return fileSystem().readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return null;
  }
}

/** Anybody may have chosen these words, and they end up in a terminal. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.slice(0, 400).replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
