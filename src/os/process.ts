/**
 * Who we are, and whether another process lives: evidence for messages and
 * for clearing litter, never for deciding who holds a lock.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { partsOf } from "./paths.ts";
import { mayLookAround, mayReadProc } from "./permissions.ts";

/** What tells one process from every other, as far as it can be known. */
export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot: PIDs are reused, this is not. */
  startToken: string | null;
  bootId: string | null;
  pidNamespace: string | null;
}

/** The running process. */
export interface Self extends ProcessIdentity {
  ppid: number;
  command: string;
  runtime: string;
}

let known: Self | undefined;

/** Describes the running process. */
export function self(): Self {
  known ??= {
    pid: process.pid,
    ppid: process.ppid,
    startToken: running("self") || null,
    bootId: readProc("sys/kernel/random/boot_id"),
    pidNamespace: namespace("self", "pid"),
    command: command(),
    runtime: runtime(),
  };
  return known;
}

/**
 * Whether that very process lives: `true` and `false` are proved, `null`
 * means that it cannot be known from here.
 *
 * On Linux the proof needs the same boot and the same PID namespace on both
 * sides. Elsewhere only the absence of the PID proves anything.
 */
export function lives(other: ProcessIdentity): boolean | null {
  if (!Number.isSafeInteger(other.pid) || other.pid <= 0) return null;
  const own = self();
  if (process.platform !== "linux") return answers(other.pid) ? null : false;
  if (own.bootId === null || own.bootId !== other.bootId) return null;
  if (own.pidNamespace === null) return null;
  if (own.pidNamespace !== other.pidNamespace) return null;
  if (isSelf(other)) return true;
  const found = running(other.pid);
  if (found === false) return false;
  if (found === null || other.startToken === null) return null;
  if (found === other.startToken) return true;
  // A time namespace shifts the start times that its processes read, so that
  // a living holder's record looked like one of an earlier process.
  const here = namespace("self", "time");
  const there = namespace(other.pid, "time");
  return here === there || there === null ? false : null;
}

/**
 * As {@linkcode lives}, for a PID of which nothing else may be known: then it
 * is taken for a process of our boot and our namespace.
 */
export function isThere(other: ProcessIdentity): boolean | null {
  const alive = lives(other);
  if (alive !== null || other.bootId !== null) return alive;
  if (!mayReadProc()) return null;
  if (process.platform !== "linux") return answers(other.pid);
  return running(other.pid) !== false;
}

/** Whether both are known to be the same process. */
export function isSelf(other: ProcessIdentity): boolean {
  const own = self();
  return own.startToken !== null && own.pid === other.pid &&
    own.startToken === other.startToken && own.bootId !== null &&
    own.bootId === other.bootId && own.pidNamespace !== null &&
    own.pidNamespace === other.pidNamespace;
}

let ignored: Set<number> | undefined;

/**
 * Numbers of the signals that this process ignores; none if unknown.
 *
 * Looked up once: what it was started with stays so, for no runtime lets a
 * program ignore a signal but by a listener. Each look was a tenth of the time
 * that a lock takes.
 */
export function ignoredSignals(): Set<number> {
  ignored ??= readIgnored();
  return ignored;
}

function readIgnored(): Set<number> {
  // proc_pid_status(5): a mask in hexadecimal, signal 1 in its lowest bit.
  const status = readProc("self/status") ?? "";
  const mask = BigInt(`0x${/^SigIgn:\s*([\da-f]+)$/m.exec(status)?.[1] ?? 0}`);
  const all = Array.from({ length: 64 }, (_, i) => i + 1);
  return new Set(all.filter((n) => (mask >> BigInt(n - 1)) & 1n));
}

/** Whether this is a worker: its handles end before the process does. */
export function inWorker(): boolean {
  const realm = globalThis as { Bun?: { isMainThread?: boolean } };
  // node:worker_threads costs Bun 2.7 ms, and does not know that a web worker
  // of Deno is one.
  if (realm.Bun?.isMainThread !== undefined) return !realm.Bun.isMainThread;
  return "WorkerGlobalScope" in globalThis ||
    !process.getBuiltinModule("node:worker_threads").isMainThread;
}

/** Prints a warning the way the runtime prints its own. */
export function warn(message: string, code: string): void {
  process.emitWarning(message, { type: "LitelatchWarning", code });
}

/**
 * A living process's start time; `false` if there is none, or a zombie. `null`
 * if it is there and not shown: with `hidepid` a /proc hides the processes of
 * other users (proc(5)), and a living holder's record was cleared for that.
 */
function running(pid: number | "self"): string | false | null {
  const shown = pid === "self" || mayLookAround();
  const stat = shown ? readProc(`${pid}/stat`) : null;
  if (stat === null) return pid === "self" || answers(pid) ? null : false;
  // proc_pid_stat(5): "(comm)" may hold spaces and parentheses, so the fields
  // are counted from its end: state is the first, starttime the twentieth.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return false;
  return fields[19] ?? null;
}

function readProc(name: string): string | null {
  if (process.platform !== "linux" || !mayReadProc()) return null;
  try {
    return fileSystem().readFileSync(`/proc/${name}`, "utf8").trim();
  } catch {
    return null;
  }
}

/** `null` where it is not shown, as that of another user's process. */
function namespace(
  who: number | "self",
  kind: "pid" | "time",
): string | null {
  const shown = who === "self" ? mayReadProc() : mayLookAround();
  if (process.platform !== "linux" || !shown) return null;
  try {
    return fileSystem().readlinkSync(`/proc/${who}/ns/${kind}`);
  } catch {
    return null;
  }
}

function answers(pid: number): boolean {
  if (!mayReadProc()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as { code?: string }).code !== "ESRCH";
  }
}

function command(): string {
  const program = partsOf(process.execPath ?? "").name.replace(/\.exe$/i, "");
  const script = process.argv[1];
  return script === undefined ? program : `${program} ${partsOf(script).name}`;
}

function runtime(): string {
  const { bun, deno, node } = process.versions as Record<string, string>;
  if (bun !== undefined) return `bun ${bun}`;
  if (deno !== undefined) return `deno ${deno}`;
  return `node ${node}`;
}
