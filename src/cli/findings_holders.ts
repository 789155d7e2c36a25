/**
 * Findings about those that left a pidfile, and those that did not.
 *
 * @module
 */

import type { Report } from "../inspect/report.ts";
import { always, type Finding, type Looks } from "./findings.ts";
import { namesOf, staleRecords } from "./people.ts";
import { count, list } from "./words.ts";

/** What is wrong with the holders. */
export function findingsAboutHolders({ reports, last }: Looks): Finding[] {
  const found: Finding[] = [];
  const names = (pids: number[]) => namesOf(last, pids);

  const replaced = last.holders
    .filter(({ lockReplaced }) => lockReplaced === true)
    .map(({ pid }) => pid);
  if (replaced.length > 0) {
    const file = `${base(last)}.lock`;
    found.push({
      code: "lock-replaced",
      level: "error",
      what:
        `${file} was ${last.lock.exists ? "replaced" : "deleted"} while ${
          names(replaced)
        } held it: the next one takes a new lock, and ` +
        "both believe to be alone.",
      todo: `Stop that process and start it again. Nobody may delete ${file}.`,
      pids: replaced,
    });
  }
  const orphans = last.holders
    .filter(({ alive, parentGone }) => alive === true && parentGone === true)
    .map(({ pid }) => pid)
    .sort((one, other) => one - other);
  if (orphans.length > 0) {
    found.push({
      code: "parent-gone",
      level: "warning",
      what: `${names(orphans)} ${
        orphans.length === 1
          ? "goes on although its parent"
          : "go on although their parents"
      } ended: nobody is left to talk to, and the database stays open.`,
      todo: `Stop ${
        orphans.length > MOST_PIDS
          ? "them; `litelatch who` lists all"
          : `${pidList(orphans)}: \`kill ${orphans.join(" ")}\``
      }. Open with { exitWithParent: true } to have it end by itself.`,
      pids: orphans,
    });
  }
  const unknown = always(
    reports,
    ({ lock, holders }) =>
      (lock.pids ?? []).filter((pid) =>
        !holders.some((holder) => holder.pid === pid)
      ),
  );
  if (unknown.length > 0) {
    found.push({
      code: "holder-unknown",
      level: "warning",
      what:
        `${names(unknown)} ${
          unknown.length === 1 ? "holds" : "hold"
        } the lock without a pidfile: others are told "holder unknown". The ` +
        "disk was full, the folder not writable, or somebody removed it.",
      todo:
        `It is a true holder: do not delete ${base(last)}.lock. Make room ` +
        "or give rights, then start it again.",
      pids: unknown,
    });
  }
  const stale = staleRecords(last);
  const litter = stale.length + last.unreadable.length;
  if (litter > 0) {
    const gone = stale.map(({ pid }) => pid);
    found.push({
      code: "stale-records",
      level: "warning",
      what: `${count(litter, "record")} ${
        litter === 1 ? "is" : "are"
      } left of processes that are gone${
        gone.length === 0 ? "" : ` (${pidList(gone)})`
      }. They block nobody.`,
      todo:
        "`litelatch clean` removes them; so does the next exclusive holder.",
      pids: gone,
    });
  }
  return found;
}

const MOST_PIDS = 8;

/** `PID 4` or `PIDs 4, 5 and 6`. */
export function pidList(pids: number[]): string {
  const shown = pids.slice(0, MOST_PIDS).map(String);
  if (pids.length > MOST_PIDS) shown.push(`${pids.length - MOST_PIDS} more`);
  return `PID${pids.length === 1 ? "" : "s"} ${list(shown)}`;
}

/** The name of the database without its folder. */
export function base({ path }: Report): string {
  return path.slice(
    Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1,
  );
}
