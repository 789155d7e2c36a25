/**
 * What a program wrote and synced, as strace saw it.
 *
 * @module
 */

import { readFileSync } from "node:fs";

/** A file whose fate at a power cut is played, or the folder of all. */
export type Name = "db" | "wal" | "journal" | "folder";

/** One step on the way to the disk. */
export type Step =
  | { readonly do: "create"; readonly name: Name }
  | {
    readonly do: "write";
    readonly name: Name;
    readonly offset: number;
    readonly data: Uint8Array;
  }
  | { readonly do: "truncate"; readonly name: Name; readonly size: number }
  | { readonly do: "sync"; readonly name: Name }
  | { readonly do: "unlink"; readonly name: Name }
  | { readonly do: "ack"; readonly n: number };

const CALLS = [
  ...["openat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync"],
  ...["?unlink", "unlinkat", "?rename", "renameat", "renameat2"],
  // None of these is expected; one that comes must not go unnoticed.
  ...["writev", "pwritev", "pwritev2", "fallocate", "sync_file_range"],
];

/** Words that record a program; the files are those of `target`. */
export function recorder(
  target: string,
  log: string,
  output: string,
): string[] {
  const folder = target.slice(0, target.lastIndexOf("/"));
  return [
    ...["strace", "-f", "-qq", "-y", "-xx", "-s", "70000", "--signal=none"],
    ...["--seccomp-bpf", "-o", output, "-e", `trace=${CALLS.join(",")}`],
    ...[folder, target, `${target}-wal`, `${target}-journal`, log]
      .flatMap((path) => ["-P", path]),
  ];
}

/**
 * Reads a recording.
 *
 * @throws {Error} If something in it is not understood: a step that is left
 * out would make every replay worthless.
 */
export function stepsIn(
  output: string,
  target: string,
  log: string,
): Step[] {
  const folder = target.slice(0, target.lastIndexOf("/"));
  const names = new Map<string, Name>([
    [target, "db"],
    [`${target}-wal`, "wal"],
    // Only on the way to WAL, which the first connection takes.
    [`${target}-journal`, "journal"],
    [folder, "folder"],
  ]);
  const here = new Set<Name>(["db"]);
  const steps: Step[] = [];
  for (const line of readFileSync(output, "utf8").split("\n")) {
    if (line === "" || / = -1 E|\+\+\+ /.test(line)) continue;
    const [, call = "", rest = "", result = ""] =
      /^\d+ +(\w+)\((.*)\) += (\d+)/.exec(line) ?? [];
    if (call === "") throw notUnderstood(line);
    const [path, data] = partsOf(rest, line);
    const name = names.get(path);
    if (call === "openat") {
      if (name === undefined || name === "folder" || here.has(name)) continue;
      if (!rest.includes("O_CREAT")) continue;
      here.add(name);
      steps.push({ do: "create", name });
    } else if (call === "write" && path === log) {
      const text = new TextDecoder().decode(data);
      const [, n] = /^\S+ ack (\d+)\n$/.exec(text) ?? [];
      if (n === undefined) throw notUnderstood(`${line}: "${text}"`);
      steps.push({ do: "ack", n: Number(n) });
    } else if (name === undefined) {
      throw notUnderstood(line);
    } else if (call === "pwrite64") {
      const offset = Number(/, \d+, (\d+)$/.exec(rest)?.[1]);
      if (data.length !== Number(result)) throw notUnderstood(line);
      steps.push({ do: "write", name, offset, data });
    } else if (call === "ftruncate") {
      steps.push({
        do: "truncate",
        name,
        size: Number(/\d+$/.exec(rest)?.[0]),
      });
    } else if (call === "fsync" || call === "fdatasync") {
      steps.push({ do: "sync", name });
    } else if (call === "unlink" || call === "unlinkat") {
      here.delete(name);
      steps.push({ do: "unlink", name });
    } else throw notUnderstood(line);
  }
  return steps;
}

/** The path that a call is about, and the bytes it writes. */
function partsOf(rest: string, line: string): [string, Uint8Array] {
  // Every string is in hexadecimal, by -xx; that of a descriptor too.
  const [, fd] = /^\d+<([^>]*)>/.exec(rest) ?? [];
  const strings = [...rest.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)];
  if (strings.some(([, , cut]) => cut !== undefined)) throw notUnderstood(line);
  const [bytes = new Uint8Array()] = strings.map(([, hex]) => bytesOf(hex));
  const text = new TextDecoder();
  return fd === undefined
    ? [text.decode(bytes), new Uint8Array()]
    : [text.decode(bytesOf(fd)), bytes];
}

function bytesOf(escaped = ""): Uint8Array {
  if (!escaped.startsWith("\\x")) return new TextEncoder().encode(escaped);
  return Uint8Array.from(
    escaped.slice(2).split("\\x"),
    (pair) => Number.parseInt(pair, 16),
  );
}

function notUnderstood(line: string): Error {
  return new Error(`Cannot read the recording: "${line.slice(0, 300)}"`);
}
