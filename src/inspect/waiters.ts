/**
 * Who waits. Nobody queues in the kernel: SQLite asks, sleeps, asks again.
 *
 * @module
 */

import { sleepSync } from "../os/clock.ts";
import { type Activity, activityOf } from "./process_activity.ts";
import type { Reasons } from "./reasons.ts";
import type { ProcessReport } from "./report.ts";

// Who polls once a millisecond shows it within a few looks, but on a busy
// machine it has to wait for its turn between two of them.
const LOOKS = 40;
const PAUSE_MS = 0.7;
const HIDDEN_AFTER = 5;

/**
 * Fills in who waits for what. Who has `app.db.lock` open without a lock on it
 * asks for that one. Who naps and wakes again and again while another one
 * writes waits for the write lock.
 */
export function noteWaiting(
  processes: ProcessReport[],
  reasons: Reasons,
): void {
  const isWriting = processes.some(({ writing }) => writing);
  const seen = new Map<ProcessReport, Activity[]>();
  for (const one of processes) {
    if (one.waiting === "lock") continue;
    if (one.lock === "none" && one.files?.includes("lock")) {
      one.waiting = "lock";
    } else if (one.database === "pending") one.waiting = "write";
    else if (isWriting && !one.writing && !one.self && !one.stopped) {
      one.waiting = null;
      seen.set(one, []);
    }
  }
  for (let looks = 0; looks < LOOKS && seen.size > 0; looks++) {
    if (looks > 0) sleepSync(PAUSE_MS);
    for (const [one, before] of seen) {
      const activity = activityOf(one.pid);
      if (activity !== null) before.push(activity);
      one.waiting = judge(before);
      const hidden = before.length === 0 && looks >= HIDDEN_AFTER;
      if (one.waiting !== null || hidden) seen.delete(one);
    }
  }
  if (processes.some(({ waiting }) => waiting === null)) {
    reasons.note(
      "processes.waiting",
      "it did nothing that tells while we looked, or /proc does not show it",
    );
  }
}

function judge(seen: Activity[]): ProcessReport["waiting"] {
  // An event loop has it, so no call of SQLite's has.
  if (seen.some(({ state }) => state === "waits")) return "none";
  if (!seen.some(({ state }) => state === "naps")) return null;
  const slept = (seen.at(-1)?.sleeps ?? 0) - (seen[0]?.sleeps ?? 0);
  return slept > 1 ? "write" : null;
}
