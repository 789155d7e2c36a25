/**
 * Findings about those that left a pidfile, and those that did not.
 *
 * @module
 */

import type { RegisteredHolder } from "../inspect/mod.ts";
import { partsOf } from "../os/paths.ts";
import { always, type Finding, type Looks } from "./finding.ts";
import { count, list } from "./formats.ts";
import { countRecords, namesOf, staleRecords } from "./process_lines.ts";

/** What is wrong with the holders. */
export function findingsAboutHolders({ reports, last }: Looks): Finding[] {
  const found: Finding[] = [];
  const names = (pids: number[]) => namesOf(last, pids);
  const file = `${partsOf(last.path).name}.lock`;
  const stale = staleRecords(last);
  // A planted record would have told to stop a process that holds nothing.
  const pidsWhere = (is: (holder: RegisteredHolder) => boolean) =>
    [
      ...new Set(
        last.holders.filter((one) => !stale.includes(one) && is(one))
          .map(({ pid }) => pid),
      ),
    ].sort((one, other) => one - other);

  const replaced = pidsWhere(({ lockReplaced }) => lockReplaced === true);
  if (replaced.length > 0) {
    found.push({
      code: "lock-replaced",
      level: "error",
      what: `${file} was ${last.lock.exists ? "replaced" : "deleted"} while ${
        names(replaced)
      } held it.`,
      todo: `Stop that process and start it again. Nobody may delete ${file}.`,
      pids: replaced,
    });
  }
  const orphans = pidsWhere(({ alive, parentGone }) =>
    alive === true && parentGone === true
  );
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
      todo: `It is a true holder: do not delete ${file}. Make room or give ` +
        "rights, then start it again.",
      pids: unknown,
    });
  }
  const litter = countRecords(stale) + last.unreadable.length;
  if (litter > 0) {
    const pids = [...new Set(stale.map(({ pid }) => pid))];
    const areGone = stale.every(({ alive }) => alive === false);
    found.push({
      code: "stale-records",
      level: "warning",
      what: `${count(litter, "record")} ${litter === 1 ? "is" : "are"} ${
        areGone
          ? "left of processes that are gone"
          : "of nobody who holds the lock: its process or worker ended, or " +
            "somebody planted it"
      }${pids.length === 0 ? "" : ` (${pidList(pids)})`}. They block nobody.`,
      todo:
        "`litelatch clean` removes them; so does the next exclusive holder.",
      pids,
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
