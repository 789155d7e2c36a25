/**
 * Opens, reads and closes a file, or has a program read it: what an inspection
 * needs, which knows when that drops no lock. The core never imports this.
 */

import { fileSystem, isGranted } from "./builtin.ts";

const PATIENCE_MS = 5000;

/** Opens a file without waiting for anybody; otherwise says why not. */
export function openToRead(path: string): number | string {
  const fs = fileSystem();
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  return orWhyNot("opened", () => fs.openSync(path, flags));
}

/** Reads `length` bytes, fewer at the end of the file; or says why not. */
export function readAt(
  file: number,
  offset: number,
  length: number,
): Uint8Array | string {
  const fs = fileSystem();
  return orWhyNot("read", () => {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const rest = bytes.subarray(filled);
      const got = fs.readSync(file, rest, 0, rest.length, offset + filled);
      if (got === 0) break;
      filled += got;
    }
    return bytes.subarray(0, filled);
  });
}

function orWhyNot<T>(what: string, run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return `it cannot be ${what} (${codeOf(error)})`;
  }
}

/** Closes what {@linkcode openToRead} opened. */
export function closeFile(file: number): void {
  fileSystem().closeSync(file);
}

/**
 * Whether a program may be started. Deno 2.9 also looks up that one variable
 * for whatever is started through `node:child_process`.
 */
export function mayRun(command: string): boolean {
  // Node has it with --permission.
  const { permission } = process as {
    permission?: { has(scope: string): boolean };
  };
  return permission?.has("child") !== false &&
    isGranted({ name: "run", command }, {
      name: "env",
      variable: "NODE_V8_COVERAGE",
    });
}

/** As {@linkcode readAt}, in a process of its own. */
export function readByAnother(
  path: string,
  offset: number,
  length: number,
): Uint8Array | string {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  // It counts in blocks; those of one byte take a second for some megabytes.
  const fits = (size: number) => offset % size === 0 && length % size === 0;
  const size = offset === 0 ? length : [4096, 8, 4].find(fits) ?? 1;
  const blocks = [
    `bs=${size}`,
    `skip=${offset / size}`,
    `count=${length / size}`,
  ];
  const { status, stdout, error } = spawnSync("dd", [`if=${path}`, ...blocks], {
    stdio: ["ignore", "pipe", "ignore"],
    // To hand our own variables down, Deno would want one more permission.
    env: { PATH: "/usr/bin:/bin" },
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
    maxBuffer: length + 4096,
  });
  if (status === 0) return new Uint8Array(stdout);
  return `another process had to read it, and dd failed (${
    error === undefined ? `exit code ${status}` : codeOf(error)
  })`;
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  return String(code ?? name);
}

/** Whether this is a worker: its handles end before the process does. */
export function inWorker(): boolean {
  const { Bun } = globalThis as { Bun?: { isMainThread?: boolean } };
  // node:worker_threads costs Bun 2.7 ms, and does not know that a web worker
  // of Deno is one.
  if (Bun?.isMainThread !== undefined) return !Bun.isMainThread;
  return "WorkerGlobalScope" in globalThis ||
    !process.getBuiltinModule("node:worker_threads").isMainThread;
}
