/**
 * For each path on stdin: takes its lock exclusively, without waiting, opens
 * the database, writes, reads, closes; and answers with one line.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { acquireLock, open } from "../../../mod.ts";

/** How it went. */
export interface Answer {
  readonly ok: boolean;
  readonly message: string;
}

function call(path: string): Answer {
  try {
    acquireLock(path, { mode: "exclusive", app: "next caller" }).release();
    const db = open(path, {
      lock: "exclusive",
      synchronous: "full",
      onWarning: () => {},
    });
    try {
      db.write(() => {
        db.exec("CREATE TABLE IF NOT EXISTS next (a)");
        db.exec("INSERT INTO next VALUES (1)");
      });
      db.checkpoint();
      const row = db.prepare("SELECT count(*) AS n FROM next").get();
      if (!(Number(row?.["n"]) > 0)) throw new Error("its row is not there");
    } finally {
      db.close();
    }
    return { ok: true, message: "" };
  } catch (error) {
    return { ok: false, message: String(error) };
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(call(path)));
}
