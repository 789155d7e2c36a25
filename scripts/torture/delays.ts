/**
 * Slows single system calls of a process down, so that it dies or meets
 * others in the middle of a step.
 *
 * @module
 */

import type { Random } from "./seed.ts";

/** All that acquire, takeover, release, a commit and a checkpoint consist of. */
const CALLS = [
  "fcntl",
  "openat",
  "?link,linkat",
  "?unlink,unlinkat",
  "pread64",
  "pwrite64",
  "ftruncate",
  "fdatasync,fsync",
  "statx",
  "getdents64",
  "close",
  "write",
];

/** Words that put strace before a command, with two or three delays. */
export function delays(random: Random): string[] {
  const chosen = random.shuffle(CALLS).slice(0, random.between(2, 3));
  return slowly(chosen.map((calls) => {
    const where = random.chance(0.5) ? "delay_enter" : "delay_exit";
    // Not every time: a runtime starts with thousands of calls.
    const step = random.between(3, 40);
    const first = random.between(1, step);
    const ms = random.between(1, 30);
    return `${calls}:${where}=${ms * 1000}:when=${first}+${step}`;
  }));
}

/** Words that put strace before a command, with the delays given. */
export function slowly(injections: readonly string[]): string[] {
  const calls = injections.map((words) => words.split(":", 1)[0]);
  return [
    ...["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null"],
    ...["-e", `trace=${calls.join(",")}`],
    ...injections.flatMap((words) => ["-e", `inject=${words}`]),
  ];
}
