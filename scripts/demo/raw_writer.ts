/**
 * One of the nine processes, in the form in which hooks are written: a plain
 * BEGIN … COMMIT, and once more from the start when SQLite says BUSY.
 *
 * Arguments: database, session, busy_timeout in milliseconds.
 *
 * The hook that hung two shells tried again for ever. Here it gives up after
 * five seconds, so that the demo ends.
 *
 * @module
 */

import process from "node:process";
import { isBusy, resultCode, SQLITE } from "../../src/driver/result_codes.ts";
import { PATIENCE_MS, stepsOf } from "./load.ts";
import { openRaw } from "./raw_driver.ts";
import { playRounds, type Writer } from "./session.ts";

const [path = "", session = "", busyTimeout = ""] = process.argv.slice(2);
const db = openRaw(path);
// Nine processes start at once, and whoever meets another one's recovery of
// the WAL is refused. The storm is what is shown, so the start waits.
db.exec(`PRAGMA busy_timeout=${PATIENCE_MS}`);
db.exec("PRAGMA journal_mode=WAL");
// As in litelatch's default, for a fair race: FULL would flush each commit.
db.exec("PRAGMA synchronous=NORMAL");
db.exec("PRAGMA foreign_keys=ON");

const steps = stepsOf(db, Number(session));
db.exec(`PRAGMA busy_timeout=${Number(busyTimeout)}`);

const writer: Writer = {
  steps,
  warnings: [],
  commit(step, mark) {
    const start = performance.now();
    let refusals = 0;
    let stale = 0;
    for (;;) {
      try {
        db.exec("BEGIN");
        step(mark);
        db.exec("COMMIT");
        return { acknowledged: true, refusals, stale };
      } catch (error) {
        rollBack();
        if (!isBusy(error)) throw error;
        refusals++;
        if (resultCode(error) === SQLITE.BUSY_SNAPSHOT) stale++;
        if (performance.now() - start >= PATIENCE_MS) {
          return { acknowledged: false, refusals, stale };
        }
      }
    }
  },
  close: () => db.close(),
};

function rollBack(): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // BEGIN itself had failed, or SQLite has rolled back already.
  }
}

await playRounds(Number(session), writer);
