/**
 * One of the nine processes, with litelatch and its defaults.
 *
 * Arguments: database, session.
 *
 * @module
 */

import process from "node:process";
import { BusyError, open } from "../../mod.ts";
import { PATIENCE_MS, stepsOf } from "./load.ts";
import { playRounds, type Writer } from "./session.ts";

const [path = "", session = ""] = process.argv.slice(2);
const warnings: string[] = [];
const db = open(path, {
  app: "agent-channel",
  busyTimeout: PATIENCE_MS,
  onWarning: (message) => warnings.push(message),
});

const writer: Writer = {
  steps: stepsOf(db, Number(session)),
  warnings,
  commit(step, mark) {
    try {
      db.write(() => step(mark));
      return { acknowledged: true, refusals: 0, stale: 0 };
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      return { acknowledged: false, refusals: 1, stale: 0 };
    }
  },
  close: () => db.close(),
};

await playRounds(Number(session), writer);
