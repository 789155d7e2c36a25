/**
 * Who has a file open, by the links in `/proc/<pid>/fd`.
 *
 * @module
 */

import { openFile } from "../os/process_locks.ts";
import { shownPids, whyNoProc } from "../os/proc_view.ts";
import { descriptorsOf, processStat, readProcLink } from "../os/procfs.ts";
import type { FileIdentity } from "../os/stat.ts";

/** A file that some process has open. */
export interface OpenedFile {
  pid: number;
  /** Where the process opened it. */
  path: string;
  /** Whether nothing, or something else, is there now. */
  deleted: boolean;
}

/** Who has the files open. */
export interface OpenedFiles {
  files: OpenedFile[];
  /** How many processes may not be looked into. */
  unseen: number;
}

/**
 * Which of `paths` each process has open; `null` where no process is shown.
 *
 * @param paths Absolute, without symbolic links.
 */
export function openedFiles(paths: readonly string[]): OpenedFiles | null {
  if (whyNoProc() !== null) return null;
  const wanted = new Map(
    paths.flatMap((path) => [
      [path, { path, deleted: false }],
      [`${path} (deleted)`, { path, deleted: true }],
    ]),
  );
  const files: OpenedFile[] = [];
  let unseen = 0;
  for (const pid of shownPids()) {
    const descriptors = descriptorsOf(pid);
    // It may have ended just now, and a zombie has no files.
    if (descriptors === null && isRunning(pid)) unseen++;
    for (const descriptor of descriptors ?? []) {
      const link = readProcLink(`${pid}/fd/${descriptor}`);
      const found = wanted.get(link ?? "");
      if (found !== undefined) files.push({ pid, ...found });
    }
  }
  return { files, unseen };
}

function isRunning(pid: number): boolean {
  const found = processStat(pid);
  return found !== null && found.state !== "Z" && found.state !== "X";
}

/**
 * How often this very process, any library of it included, has a file open;
 * `null` if that cannot be known.
 */
export function timesOpenHere(file: FileIdentity): number | null {
  const descriptors = whyNoProc() === null ? descriptorsOf("self") : null;
  if (descriptors === null) return null;
  return descriptors.filter((descriptor) => {
    if (!readProcLink(`self/fd/${descriptor}`)?.startsWith("/")) return false;
    return openFile("self", descriptor)?.identity === file.identity;
  }).length;
}
