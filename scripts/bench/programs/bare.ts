/**
 * A lock with a name on it out of the fewest system calls: open and lock a
 * file, write who we are beside it and link it into place; then unlink that,
 * and close. What a lock that is safe and says who must do at the least.
 *
 * No runtime can lock a file through its `fs`: on Bun and Deno fcntl(2) comes
 * from the C library, on Node flock(2) from fs-ext, whose fcntl cannot lock.
 *
 * @module
 */

import * as fs from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

/** Takes an exclusive lock on an open file; throws where it is taken. */
type LockFile = (file: number) => void;

/** Takes a lock; gives the way to release it. */
export type Take = (path: string) => () => void;

interface Libc {
  lockf(file: number, command: number, length: bigint): number;
}
interface Ffi {
  dlopen(path: string, symbols: object): { symbols: Libc };
}

const F_TLOCK = 2;

/** The system calls, in order; what the benchmark counts. */
export function bareLock(peers: string): Take {
  const lockFile = lockFileOf(peers);
  const who = `${process.pid}\n${JSON.stringify({ v: 1, pid: process.pid })}\n`;
  return (path) => {
    const lock = fs.openSync(`${path}.lock`, "a+");
    lockFile(lock);
    const draft = `${path}.pid-draft`;
    const file = fs.openSync(draft, "wx");
    fs.writeSync(file, who);
    fs.closeSync(file);
    fs.linkSync(draft, `${path}.pid`);
    fs.unlinkSync(draft);
    return () => {
      fs.unlinkSync(`${path}.pid`);
      fs.closeSync(lock);
    };
  };
}

function lockFileOf(peers: string): LockFile {
  const { Deno } = globalThis as unknown as { Deno?: Ffi };
  const bun = process.getBuiltinModule("bun:ffi" as "fs") as unknown as
    | Ffi
    | undefined;
  if (Deno === undefined && bun === undefined) return withFsExt(peers);
  const name = process.platform === "darwin" ? "libc.dylib" : "libc.so.6";
  const { symbols } = Deno === undefined
    ? bun!.dlopen(name, {
      lockf: { args: ["i32", "i32", "i64"], returns: "i32" },
    })
    : Deno.dlopen(name, {
      lockf: { parameters: ["i32", "i32", "i64"], result: "i32" },
    });
  return (file) => {
    if (symbols.lockf(file, F_TLOCK, 0n) !== 0) throw new Error("It is taken");
  };
}

/** One system call less on a Node that fs-ext was not built for. */
function withFsExt(peers: string): LockFile {
  try {
    const load = createRequire(join(peers, "load.cjs"));
    const { flockSync } = load("fs-ext") as {
      flockSync(file: number, how: "exnb"): void;
    };
    return (file) => flockSync(file, "exnb");
  } catch {
    return () => {};
  }
}
