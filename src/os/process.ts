/**
 * Who we are, and whether another process is alive.
 *
 * @module
 */

import { printable, programOf } from "../printable.ts";
import { partsOf } from "./paths.ts";
import { mayReadProc } from "./permissions.ts";
import { processStat, readProc, readProcLink, showsOthers } from "./procfs.ts";
import { stat } from "./stat.ts";

/** What tells one process from every other, as far as it can be known. */
export interface ProcessIdentity {
  pid: number;
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
  return known ??= {
    pid: process.pid,
    ppid: process.ppid,
    startToken: processStat("self")?.startToken ?? null,
    bootId: readProc("sys/kernel/random/boot_id")?.trim() ?? null,
    pidNamespace: readProcLink("self/ns/pid"),
    command: ownCommand(),
    runtime: runtime(),
  };
}

/**
 * Whether that very process is alive: `true` and `false` are proved, `null`
 * means that it cannot be known from here.
 *
 * On Linux the proof needs the same boot and the same PID namespace on both
 * sides. Elsewhere only the absence of the PID proves anything.
 */
export function isAlive(other: ProcessIdentity): boolean | null {
  const own = self();
  if (process.platform !== "linux") return answers(other.pid) ? null : false;
  if (own.bootId === null || own.bootId !== other.bootId) return null;
  if (own.pidNamespace === null) return null;
  if (own.pidNamespace !== other.pidNamespace) return null;
  const token = other.pid === own.pid
    ? own.startToken
    : startTokenOf(other.pid);
  if (typeof token !== "string") return token;
  if (other.startToken === null) return null;
  if (token === other.startToken) return true;
  // A time namespace shifts the start times that its processes read, so that
  // a living holder's record looked like one of an earlier process.
  const here = readProcLink("self/ns/time");
  const there = readProcLink(`${other.pid}/ns/time`);
  return here === there || there === null ? false : null;
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
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is alive and belongs to somebody else.
    return (error as { code?: string }).code !== "ESRCH";
  }
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

/** Gives a warning where the caller wants it: by default as the runtime does. */
export function warn(
  message: string,
  code: string,
  listener: ((message: string) => void) | null = null,
): void {
  if (listener !== null) listener(message);
  else process.emitWarning(message, { type: "LitelatchWarning", code });
}

/** After `-e`, and from standard input, argv[1] is the first argument. */
function ownCommand(): string {
  const program = partsOf(process.execPath ?? "").name.replace(/\.exe$/i, "");
  const script = process.argv[1] ?? "";
  let isFile = false;
  try {
    isFile = stat(script)?.kind === "file";
  } catch {
    // It is no path, or may not be looked at.
  }
  if (!isFile) return programOf([program]);
  return `${program} ${printable(partsOf(script).name, 60)}`;
}

function runtime(): string {
  const { bun, deno, node } = process.versions as Record<string, string>;
  if (bun !== undefined) return `bun ${bun}`;
  return deno !== undefined ? `deno ${deno}` : `node ${node}`;
}
