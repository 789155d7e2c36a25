/**
 * Every step once: acquire, release, open, write, checkpoint, close. A refused
 * step is told in the log, and the next one is tried all the same.
 *
 *     steps.ts <target> <log> <id> [crash]
 *
 * @module
 */

import process from "node:process";
import { acquireLock, type Database, type Lock, open } from "../../../mod.ts";
import { openLog } from "./log.ts";

const [target = "", path = "", id = "", how = ""] = process.argv.slice(2);
const log = openLog(path, id);
const COMMITS = 3;

function attempt<T>(step: string, body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    log.refusal(["error"], error, `${step}:`);
    return undefined;
  }
}

function lock(mode: "shared" | "exclusive"): void {
  const held: Lock | undefined = attempt(
    `acquire ${mode}`,
    () => acquireLock(target, { mode, wait: 2000 }),
  );
  if (held === undefined) return;
  log.say("hold", mode);
  log.say("drop");
  attempt(`release ${mode}`, () => held.release());
}

function write(db: Database): void {
  attempt("create", () =>
    db.exec(
      "CREATE TABLE IF NOT EXISTS t (writer TEXT, i INTEGER, b BLOB)",
    ));
  for (let n = 1; n <= COMMITS; n++) {
    try {
      db.write(() => {
        const insert = db.prepare(
          "INSERT INTO t VALUES (?, ?, zeroblob(3000))",
        );
        insert.run(id, n);
        insert.run(id, -n);
      });
      log.say("ack", n);
    } catch (error) {
      log.refusal(["failed", n], error, "write:");
    }
    if (how === "crash") continue;
    if (n === 2) attempt("checkpoint", () => db.checkpoint());
  }
}

lock("exclusive");
lock("shared");
const db = attempt("open", () =>
  open(target, {
    lock: how === "crash" ? "exclusive" : "shared",
    wait: 2000,
    busyTimeout: 2000,
    synchronous: "full",
    heartbeat: false,
    onWarning: () => {},
  }));
if (db !== undefined) {
  write(db);
  if (how === "crash") process.kill(process.pid, "SIGKILL");
  attempt("close", () => db.close());
}
log.close();
