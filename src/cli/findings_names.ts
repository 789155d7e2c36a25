/**
 * Findings about names: a file that has several, and a name that something
 * else has taken.
 *
 * @module
 */

import type { Finding, Looks } from "./finding.ts";
import { count } from "./formats.ts";
import { namesCommand } from "../os/host.ts";
import { partsOf } from "../os/paths.ts";

/** What is wrong with the names. */
export function findingsAboutNames({ last }: Looks): Finding[] {
  const { file, path, foreign } = last;
  const found: Finding[] = [];
  const add = (
    code: string,
    level: Finding["level"],
    what: string,
    todo: string,
  ) => found.push({ code, level, what, todo, pids: [] });

  if (file?.kind === "file" && file.links > 1) {
    add(
      "hard-links",
      "error",
      `The file has ${
        count(file.links, "name")
      } (hard links): each has a WAL and a lock of its own, so processes on ` +
        "different names corrupt it, and litelatch refuses to open it.",
      `Remove the other names: \`${namesCommand()} ${partsOf(path).name}\`.`,
    );
  }
  if (file?.mounted === true) {
    add(
      "file-mount",
      "error",
      "The file is a mount of its own: where it comes from it has a WAL and a " +
        "lock of its own, so processes here and there corrupt it, and " +
        "litelatch refuses to open it.",
      "Mount its folder instead of the file.",
    );
  }
  for (const { name, what } of foreign) {
    const isLock = name.endsWith(".lock");
    const isRecord = !isLock && name.includes(".pid");
    add(
      "foreign-file",
      isRecord ? "warning" : "error",
      `${name} is ${what}. ${
        isRecord
          ? "It is no record of litelatch, which leaves it alone and keeps " +
            "its own under other names."
          : isLock
          ? "litelatch refuses to lock with it, and never touches it."
          : "SQLite has that name for a file of its own."
      }`,
      isRecord
        ? "Nothing has to be done. If nobody needs it, move it away."
        : "Find out who put it there, and move it away.",
    );
  }
  return found;
}
