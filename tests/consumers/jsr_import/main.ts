/**
 * Counts the starts of a program, however many run at once:
 *
 *     deno run --allow-read=data --allow-write=data main.ts data
 *
 * @module
 */

import { LockedError, open } from "@litelatch/litelatch";

const [folder = "data", mode = "shared"] = Deno.args;
try {
  using db = open(`${folder}/starts.db`, {
    app: "counter",
    lock: mode === "exclusive" ? "exclusive" : "shared",
  });
  db.exec("CREATE TABLE IF NOT EXISTS start (at TEXT NOT NULL)");
  const n = db.write(() => {
    db.prepare("INSERT INTO start VALUES (datetime())").run();
    return db.prepare("SELECT count(*) AS n FROM start").get()?.["n"];
  });
  console.log(`start ${n}`);
} catch (error) {
  if (!(error instanceof LockedError)) throw error;
  console.error(error.message);
  Deno.exitCode = 75; // EX_TEMPFAIL: try again later
}
