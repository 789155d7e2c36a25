/** Who we are, and whether another process is alive. @module */

import { CODE, legible, printable } from "../printable.ts";
import { attempt, failureOf, isGranted, mayReadProc } from "./builtin.ts";
import { partsOf } from "./paths.ts";
import { processStat, readProc, readProcLink, showsOthers } from "./procfs.ts";
import { sharedState } from "./shared_state.ts";
import { stat } from "./stat.ts";

/** What tells one process from every other, as far as it can be known. */
export interface ProcessIdentity {
  pid: number;
  startToken: string | null;
  bootId: string | null;
  pidNamespace: string | null;
  /** The number of its thread: a worker ends before its process. */
  thread: string | null;
}

export interface Self extends ProcessIdentity {
  ppid: number;
  command: string;
  runtime: string;
}

let me: Self | undefined;

export function self(): Self {
  if (me !== undefined) return me;
  const { bun, deno, node } = process.versions as Record<string, string>;
  return me = {
    pid: process.pid,
    ppid: process.ppid,
    startToken: processStat(process.pid)?.startToken ?? null,
    bootId: readProc("sys/kernel/random/boot_id")?.trim() ?? null,
    pidNamespace: readProcLink("self/ns/pid"),
    thread: readProcLink("thread-self")?.split("/")[2] ?? null,
    command: ownCommand(),
    runtime: bun ? `bun ${bun}` : deno ? `deno ${deno}` : `node ${node}`,
  };
}

/**
 * Whether that very process is alive: `true` and `false` are proved, `null` is
 * not known. On Linux the proof needs the same boot and PID namespace on both
 * sides; elsewhere only the absence of the PID proves anything.
 */
export function isAlive(other: ProcessIdentity): boolean | null {
  const own = self();
  if (!provesLives()) return answers(other.pid) ? null : false;
  for (const world of ["bootId", "pidNamespace"] as const) {
    if (own[world] === null || own[world] !== other[world]) return null;
  }
  const isOwn = other.pid === own.pid;
  const token = isOwn ? own.startToken : startTokenOf(other.pid);
  if (typeof token !== "string") return token;
  if (other.startToken === null) return null;
  if (token === other.startToken) {
    if (isOwn && other.thread === own.thread) return true;
    // Where /proc has other PIDs, we find ourselves by that name alone.
    const place = isOwn ? "self" : other.pid;
    return !/^\d+$/.test(other.thread ?? "") ||
      readProc(`${place}/task/${other.thread}/comm`) !== null;
  }
  // A time namespace shifts the start times that its processes read, so that
  // a living holder's record looked like one of an earlier process.
  const there = readProcLink(`${other.pid}/ns/time`);
  return there === null || there === readProcLink("self/ns/time")
    ? false
    : null;
}

/** Whether this system proves a life. Elsewhere a PID that answers must do. */
export function provesLives(): boolean {
  return process.platform === "linux";
}

/**
 * A living process's start time; `false` if there is none, or a zombie. `null`
 * if it is there and not shown: with `hidepid` a /proc hides the processes of
 * other users (proc(5)), and a living holder's record was cleared for that.
 */
export function startTokenOf(pid: number): string | false | null {
  const found = processStat(pid);
  if (found === null) return answers(pid) || !showsOthers() ? null : false;
  return found.state === "Z" || found.state === "X" ? false : found.startToken;
}

/** Whether the kernel knows a process of that number; `true` if in doubt. */
export function answers(pid: number): boolean {
  // kill(2): 0 and negative numbers are groups, larger ones no PID at all.
  if (!(pid > 0 && pid <= 0x7fffffff)) return false;
  if (!mayReadProc()) return true;
  // EPERM: it is alive and belongs to somebody else.
  return failureOf(() => process.kill(pid, 0)) !== "ESRCH";
}

/** Warns where the caller wants it: by default as the runtime does. */
export function warn(
  message: string,
  code: string,
  listener: ((message: string) => void) | null = null,
): void {
  message = legible(message, code);
  const { warnings } = sharedState();
  warnings.splice(0, warnings.push(message) - 20);
  if (listener !== null) listener(message);
  else process.emitWarning(message, { type: "LitelatchWarning", code });
}

/** After `-e`, and from standard input, argv[1] is the first argument. */
function ownCommand(): string {
  const nameOf = (path: string) => printable(partsOf(path).name, 60);
  const program = nameOf(process.execPath ?? "").replace(/\.exe$/i, "");
  const script = process.argv[1] ?? "";
  const isFile = () =>
    !process.execArgv.some((word) => CODE.test(word)) &&
    isGranted({ name: "read", path: script }) && stat(script)?.kind === "file";
  return attempt(isFile, false) ? `${program} ${nameOf(script)}` : program;
}
