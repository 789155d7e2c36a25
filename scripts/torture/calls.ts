/**
 * The system calls of a program on the files of one database, recorded by
 * strace, and one of them made to fail.
 *
 * @module
 */

import { readFileSync } from "node:fs";

/** One call, as strace can be told of it. */
export interface Call {
  readonly name: string;
  /** Which one of that name; strace counts from 1. */
  readonly number: number;
  /**
   * Whether it is counted among the calls on the database's files only. The
   * draft of a pidfile has a random name, which strace cannot be told.
   */
  readonly among: "files" | "all";
}

const BASE = ["strace", "-f", "-qq", "-y", "--signal=none"];
const DRAFT = /app\.db\.pid-[0-9a-f]{16}\.tmp/;

/** The files that strace is to look at. */
function pathsOf(target: string): string[] {
  const folder = target.slice(0, target.lastIndexOf("/"));
  const endings = ["", "-wal", "-shm", "-journal", ".lock", ".pid"];
  return [folder, ...endings.map((ending) => target + ending)]
    .flatMap((path) => ["-P", path]);
}

/** Words that record the calls on the files, or with `drafts` all calls. */
export function recording(
  target: string,
  output: string,
  drafts: boolean,
): string[] {
  return [
    ...BASE,
    ...["-o", output, "-e", "trace=%file,%desc"],
    ...drafts ? [] : pathsOf(target),
  ];
}

/** The calls of a recording, in their order. */
export function callsIn(recorded: string, drafts: boolean): Call[] {
  const counts = new Map<string, number>();
  const calls: Call[] = [];
  const lines = readFileSync(recorded, "utf8").split("\n");
  const thread = lines.find((line) => line.includes("app.db"))?.split(" ")[0];
  for (const line of lines) {
    const [, pid, name] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    // strace counts for each thread; ours does all this in one.
    if (name === undefined || pid !== thread) continue;
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    if (drafts && !DRAFT.test(line)) continue;
    calls.push({ name, number, among: drafts ? "all" : "files" });
  }
  return calls;
}

/** Words that let one call fail, or with `onwards` all from there on. */
export function failing(
  target: string,
  output: string,
  { name, number, among }: Call,
  error: string,
  onwards: boolean,
): string[] {
  const when = `${number}${onwards ? "+" : ""}`;
  return [
    ...BASE,
    ...["--seccomp-bpf", "-o", output, "-e", `trace=${name}`],
    ...among === "files" ? pathsOf(target) : [],
    ...["-e", `inject=${name}:error=${error}:when=${when}`],
  ];
}

/** The lines of a trace that say what was made to fail. */
export function injectedIn(output: string): string[] {
  return readFileSync(output, "utf8").split("\n")
    .filter((line) => line.includes("(INJECTED)"));
}
